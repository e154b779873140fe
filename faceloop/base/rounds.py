"""Names of rounds: `o<outer>-i<inner>`, and `prior` for the model that has seen no label."""

import re

PRIOR = "prior"
SEED_ROUND = "o00-i00"
ROUND_PATTERN = re.compile(r"o(\d{2,})-i(\d{2,})")


def is_round(name: str) -> bool:
    """Tell whether `name` is a round's, such as `o01-i03`."""
    return ROUND_PATTERN.fullmatch(name) is not None


def order_of(name: str) -> tuple[int, int]:
    """Return (outer, inner) of a round, which sorts rounds by age; the prior comes first."""
    found = ROUND_PATTERN.fullmatch(name)
    return (int(found.group(1)), int(found.group(2))) if found else (-1, -1)


def outer_of(name: str) -> int:
    """Return the outer iteration of a round; the prior belongs to none and gives -1."""
    return order_of(name)[0]


def rounds_up_to(last: str, known: list[str]) -> list[str]:
    """Return the `known` rounds up to and with `last`, oldest first; none for the prior."""
    until = [name for name in known if order_of(name) <= order_of(last)]
    return sorted(until, key=order_of)


def next_round(candidate: str, new_batch: bool) -> str:
    """Return the name of the round after `candidate`.

    The seed is an outer iteration of its own: it is the old knowledge from which the first
    over-fitting set is drawn. So the round after it opens outer iteration 1, as a new batch would.
    """
    if not is_round(candidate):
        raise ValueError(f"{candidate!r} is no round")
    outer, inner = order_of(candidate)
    if new_batch or candidate == SEED_ROUND:
        return f"o{outer + 1:02d}-i00"
    return f"o{outer:02d}-i{inner + 1:02d}"
