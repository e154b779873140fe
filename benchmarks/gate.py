"""How often the gate is wrong, and how often it can tell: simulated projects of twenty rounds.

    python -m benchmarks.gate

Two models' hits on the same faces are drawn, so that for accuracy and single faces the swap test
is the exact sign test and thousands of projects take minutes. The last table runs the gate's own
code on macro-F1 and photos of several faces.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betainc, betaln, ndtri
from scipy.stats import binom, norm

from faceloop.base.randomness import generator
from faceloop.commands.settings import read_settings
from faceloop.evaluation.comparison import PairedPredictions, compare
from faceloop.evaluation.evaluation_figures import Comparison, WholeBatchFigures
from faceloop.gate.params import Gate
from faceloop.gate.verdict import data_helps, knowledge_kept, level, target_reached
from faceloop.statistics.confusion import METRICS
from faceloop.statistics.estimates import ByMetric, Difference, EstimateWithError
from faceloop.statistics.intervals import difference_interval
from faceloop.statistics.params import Intervals

ROUNDS = 20
SIZES = (60, 200, 500, 1000, 2000)
DISAGREEMENTS = (0.02, 0.05, 0.10)  # share of faces that one model gets right and the other wrong
CONFIDENCE = 0.95


def flips(
    delta: float, disagreement: float, n: int, size: tuple[int, ...], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many of n fresh faces turn right and turn wrong between two models."""
    p = [(disagreement + delta) / 2, (disagreement - delta) / 2, 1 - disagreement]
    counts = rng.multinomial(n, p, size=size)
    return counts[..., 0], counts[..., 1]


def flips_of_one_set(
    delta: float, disagreement: float, n: int, projects: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the same, (projects, ROUNDS), for successive models on one and the same set."""
    accuracy, right = 0.8, rng.random((projects, n)) < 0.8
    turned = np.zeros((2, projects, ROUNDS), dtype=int)
    for at in range(ROUNDS):
        lost = (disagreement - delta) / 2 / accuracy
        won = (disagreement + delta) / 2 / (1 - accuracy)
        flip = rng.random((projects, n)) < np.where(right, lost, won)
        turned[0, :, at], turned[1, :, at] = (flip & ~right).sum(1), (flip & right).sum(1)
        right ^= flip
        accuracy = min(max(accuracy + delta, 0.6), 0.9)
    return turned[0], turned[1]


def compared(won: int, lost: int, n: int) -> Comparison:
    """Return what `evaluation.compare` would, for accuracy on single faces and endless draws."""
    value, differ = (won - lost) / n, won + lost
    error = float(np.sqrt((differ / n - value**2) / (n - 1)))
    low, high = difference_interval(value, error, n, CONFIDENCE)
    gain, loss = float(at_least(won, differ)), float(at_least(lost, differ))
    delta = Difference(value=float(value), low=low, high=high, p_gain=gain, p_loss=loss)
    every = ByMetric[Difference](**dict.fromkeys(METRICS, delta))
    return Comparison(n=n, groups=n, confidence=CONFIDENCE, delta=every)


def at_least(hits: Any, tosses: Any) -> Any:
    """Return the chance of so many heads or more: the sign test's p."""
    return binom.sf(np.asarray(hits) - 1, tosses, 0.5)


def false_verdicts(gate: Gate, projects: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """No change, twenty rounds: how many projects see a loss, or a gain, that is none."""
    for disagreement in DISAGREEMENTS:
        for n in SIZES[:4]:
            won, lost = flips_of_one_set(0.0, disagreement, n, projects, rng)
            loss = (at_least(lost, won + lost) <= level(gate)).any(axis=1)
            won, lost = flips(0.0, disagreement, n, (projects, ROUNDS), rng)
            gain = (at_least(won, won + lost) <= level(gate)).any(axis=1)
            yield {
                "disagree": f"{disagreement:.0%}",
                "faces": n,
                "a loss, wrongly": loss.mean(),
                "a gain, wrongly": gain.mean(),
                "either": (loss | gain).mean(),
                "'kept' at a loss of the margin": answers(
                    knowledge_kept, "yes", -gate.overfit_margin, disagreement, n, gate, rng
                ),
                "'none' at a gain of min_gain": answers(
                    data_helps, "no", gate.min_gain, disagreement, n, gate, rng
                ),
            }


def answers(
    question: Any, answer: str, delta: float, disagreement: float, n: int, gate: Gate, rng: Any
) -> float:
    """Return how often a question gets an answer in 2,000 rounds with this true difference."""
    if abs(delta) > disagreement:
        return float("nan")
    pairs = zip(*flips(delta, disagreement, n, (2000,), rng), strict=True)
    return float(np.mean([question(compared(w, x, n), gate).answer == answer for w, x in pairs]))


def power(gate: Gate, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """How often one round proves a gain (or, by symmetry, a loss) of a size, and what is kept."""
    for disagreement in DISAGREEMENTS:
        for n in SIZES:
            row: dict[str, Any] = {"disagree": f"{disagreement:.0%}", "faces": n}
            for delta in (0.01, 0.02, 0.05, 0.10):
                if delta <= disagreement:
                    won, lost = flips(delta, disagreement, n, (20_000,), rng)
                    found = at_least(won, won + lost) <= level(gate)
                    row[f"{100 * delta:.0f} points"] = found.mean()
            row["'kept', no change"] = answers(knowledge_kept, "yes", 0, disagreement, n, gate, rng)
            yield row


def spending(gate: Gate, projects: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Other ways to count looks: 500 faces, 8 % disagreement, a real loss of 5 points."""
    looks = np.arange(1, ROUNDS + 1)
    one_sided = gate.error_rate / 2
    spent = 2 - 2 * norm.cdf(ndtri(1 - one_sided / 2) / np.sqrt(looks / ROUNDS))
    rules: dict[str, Any] = {
        "'new is not below old'": None,
        "5 % at every look, uncounted": np.full(ROUNDS, one_sided),
        "even (the gate's)": np.full(ROUNDS, level(gate)),
        "O'Brien-Fleming": np.diff(spent, prepend=0.0),
        "1 / (k (k + 1))": one_sided / looks / (looks + 1),
        "e-values, even": "e",
    }
    null = flips_of_one_set(0.0, 0.08, 500, projects, rng)
    real = flips(-0.05, 0.08, 500, (projects, ROUNDS), rng)
    for name, levels in rules.items():
        alarms = [alarm(won, lost, levels, level(gate)) for won, lost in (null, real)]
        yield {
            "looks counted by": name,
            "a wrong stop in 20 rounds": alarms[0].any(axis=1).mean(),
            **{f"loss found in round {k}": alarms[1][:, k - 1].mean() for k in (1, 5, 20)},
        }


def alarm(won: np.ndarray, lost: np.ndarray, levels: Any, even: float) -> np.ndarray:
    """Return which rounds (projects, ROUNDS) a rule calls a loss."""
    if levels is None:
        return won < lost
    if isinstance(levels, str):  # a bet on every probability of losing above one half, alike
        share = 1 - betainc(lost + 1, won + 1, 0.5)
        log_e = (won + lost + 1) * np.log(2) + betaln(lost + 1, won + 1) + np.log(share)
        return log_e >= -np.log(even)
    return at_least(lost, won + lost) <= levels


def extensions(gate: Gate, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """What becomes of a round whose gain is open once the faces it names are labelled."""
    for delta in (0.0, 0.01, 0.02, 0.05):
        for n in (60, 200, 500):
            more, settled, gains = [], [], 0
            for won, lost in zip(*flips(delta, 0.08, n, (2000,), rng), strict=True):
                first = data_helps(compared(won, lost, n), gate)
                last = first
                if first.answer == "unknown":
                    extra = [int(one) for one in flips(delta, 0.08, first.more_labels, (), rng)]
                    total = n + first.more_labels
                    last = data_helps(compared(won + extra[0], lost + extra[1], total), gate)
                    more.append(first.more_labels)
                    settled.append(last.answer != "unknown")
                gains += last.answer == "yes"
            yield {
                "true gain": f"{100 * delta:.0f} points",
                "faces": n,
                "open at first": len(more) / 2000,
                "median more": f"{np.median(more):.0f}",
                "then settled": float(np.mean(settled)),
                "a gain proven in the end": gains / 2000,
            }


def false_targets(gate: Gate, projects: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """A batch just below the target, or above it: how many projects say in 20 rounds it is met."""
    for n in SIZES[:4]:
        row: dict[str, Any] = {"faces": n}
        for beyond in (-0.001, 0.01, 0.02, 0.04):
            met = np.zeros(projects, dtype=bool)
            values = rng.binomial(n, gate.target + beyond, size=(projects, ROUNDS)) / n
            for value in np.unique(values):
                error = max(float(np.sqrt(value * (1 - value) / (n - 1))), 1.5 / n)
                figure = EstimateWithError(value=float(value), low=0.0, high=1.0, error=error)
                every = dict.fromkeys(METRICS, figure)
                batch = WholeBatchFigures(known=0, rest=n, groups=n, **every)
                if target_reached(batch, gate).answer == "yes":
                    met |= (values == value).any(axis=1)
            row[f"true {100 * (gate.target + beyond):.3g}"] = met.mean()
        yield row


def own_code(rounds: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """`evaluation.compare` on macro-F1, 3 skewed classes, photos of 1 to 3 faces, no change."""
    settings = Intervals(bootstrap=1999, confidence=CONFIDENCE)
    for n in (60, 200, 500):
        p = []
        for _ in range(rounds):
            groups = np.repeat(np.arange(n), rng.integers(1, 4, n))[:n]
            truth = rng.choice(3, size=n, p=[0.7, 0.2, 0.1])
            hard = (rng.random(n) < 0.3)[groups]  # a photo is easy or hard as a whole
            said = [np.where(hard & (rng.random(n) < 0.5), (truth + 1) % 3, truth) for _ in "ab"]
            judged = PairedPredictions(truth, groups, np.eye(3)[said[0]], np.eye(3)[said[1]])
            if delta := compare(judged, ["a", "b", "c"], settings, rng).delta:
                p.append((delta.macro_f1.p_gain, delta.macro_f1.p_loss))
        row: dict[str, Any] = {"faces": n}
        for at in (0.05, 0.025, 0.01):
            row[f"p ≤ {at:g}"] = (np.array(p) <= at).mean()
        yield row


def markdown(rows: Iterator[dict[str, Any]]) -> str:
    """Return rows as a table; shares in per cent, to a tenth."""
    table = pd.DataFrame(list(rows))
    for name, column in table.items():
        if column.dtype == float:
            table[name] = (100 * column).map(lambda x: "–" if np.isnan(x) else f"{x:.1f}")
    lines = [table.columns, ["---"] * table.shape[1], *table.astype(str).to_numpy()]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main() -> None:
    """Print the tables of benchmarks/results/gate.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="tables with this word in their title")
    asked = parser.parse_args()
    gate, projects = read_settings().gate.model_copy(update={"metric": "accuracy"}), asked.projects
    tables: dict[str, Callable[[np.random.Generator], Iterator[dict[str, Any]]]] = {
        "No change: verdicts that are wrong": lambda rng: false_verdicts(gate, projects, rng),
        "A target just missed, and met": lambda rng: false_targets(gate, projects, rng),
        "Power of one round": lambda rng: power(gate, rng),
        "Ways to count looks": lambda rng: spending(gate, projects, rng),
        "Labels that an open question names": lambda rng: extensions(gate, rng),
        "The gate's own code, no change": lambda rng: own_code(projects // 4, rng),
    }
    for title, rows in tables.items():
        if asked.only not in title:
            continue
        table = markdown(rows(generator(asked.seed, "benchmarks.gate", title)))
        print(f"\n{title}, per cent\n\n{table}", flush=True)


if __name__ == "__main__":
    main()
