"""What the gate makes of disagreeing people: no figure is better than the labels under it."""

import math

from faceloop.gate.verdict import Judgement
from faceloop.labels.label_figures import AgreementFigures

HELD_BACK = ("continue", "target_met")


def require_agreement(
    judgement: Judgement, agreement: AgreementFigures, min_alpha: float | None
) -> Judgement:
    """Return the verdict; `continue` and `target_met` only where people are known to agree.

    Otherwise it is `undecided`: `stop` would blame the data. Nothing is asked where `min_alpha` is
    None.

    Args:
        judgement: of the models.
        agreement: of people.
        min_alpha: the least Krippendorff's alpha, in [-1, 1].
    """
    if min_alpha is None or judgement.verdict == "start":
        return judgement
    agrees, reason, more = labels_agree(agreement, min_alpha)
    held_back = not agrees and judgement.verdict in HELD_BACK
    return judgement._replace(
        verdict="undecided" if held_back else judgement.verdict,
        reasons=[*judgement.reasons, reason],
        more_labels=max(judgement.more_labels, more),
    )


def labels_agree(agreement: AgreementFigures, min_alpha: float) -> tuple[bool, str, int]:
    """Is alpha at least `min_alpha` with its whole interval? With the reason and the remedy.

    The third is how many more faces labelled by two people an open question wants: an interval
    narrows as 1 / sqrt n.
    """
    alpha, n = agreement.alpha, agreement.faces
    if alpha is None:
        shown = f"{n} faces labelled by several people: no alpha to hold against {min_alpha:g}"
        return False, f"{shown}; let two people label the same faces", 0
    low, high = alpha.low, alpha.high
    shown = f"labels, n = {n} by several people: alpha {alpha.value:.3f} [{low:.3f}, {high:.3f}]"
    if low >= min_alpha:
        return True, f"{shown}: people agree (at least {min_alpha:g})", 0
    if high < min_alpha:
        remedy = "sharpen labels/GUIDELINES.md and settle the conflicts"
        return False, f"{shown}: people do not agree (below {min_alpha:g}): {remedy}", 0
    half_width = (high - low) / 2
    # An alpha right at the threshold would want endless faces: half the width is asked for at most.
    gap = max(abs(alpha.value - min_alpha), half_width / 2)
    more = max(1, math.ceil(n * (half_width / gap) ** 2) - n)
    return False, f"{shown}: {min_alpha:g} or not is open; {more} more such faces would tell", more
