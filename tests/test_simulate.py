"""`faceloop simulate`: curves from an outside set or the project's labels, resumable."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from faceloop.commands.cli import main
from faceloop.commands.settings import read_settings
from faceloop.commands.simulation.simulated_loop import (
    Labelled,
    Plan,
    learning_curve,
    our_picker,
    split_test,
)

CLASSES = ["none", "glasses", "sunglasses"]
RUN = ["--seeds", "2", "--rounds", "3", "--round-size", "12", "--validation", "4"]


def labelled(n: int = 120, per_group: int = 2) -> Labelled:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3
    features = (np.eye(3, 8)[labels] + rng.normal(scale=0.4, size=(n, 8))).astype(np.float32)
    ids = np.array([f"{at:04d}" for at in rng.permutation(n)])
    return Labelled(ids, np.arange(n) // per_group, features, labels)


@pytest.fixture
def outside(project: Any) -> list[str]:
    """An outside set on disk; return the words that name it."""
    data = labelled()
    files = np.array([f"{at}.jpg" for at in range(120)])
    np.savez("faces.npz", files=files, embeddings=data.features.astype(np.float16))
    table = pd.DataFrame({"file": files, "kind": np.array(CLASSES)[data.labels]})
    table.to_csv("faces.csv", index=False)
    return ["simulate", "--embeddings", "faces.npz", "--labels", "faces.csv", "--target", "kind"]


def rows_of(pick: Any, plan: Plan, data: Labelled) -> list[dict[str, Any]]:
    return list(learning_curve(data, CLASSES, pick, plan, read_settings(), seed=0))


def test_tables_and_a_plot_are_written(outside: list[str], capsys: Any) -> None:
    assert main([*outside, *RUN, "--strategies", "random", "article", "margin/top"]) == 0
    out = Path("simulations")
    summary = pd.read_csv(out / "summary.csv").set_index("strategy")
    assert set(summary.index) == {"random", "article", "margin/top"}
    assert {"area", "last", "to_random_last", "to_99_percent"} <= set(summary.columns)
    assert set(pd.read_csv(out / "against_random.csv")["strategy"]) == {"article", "margin/top"}
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "with the whole pool" in capsys.readouterr().out.splitlines()[-1]


def test_a_second_run_computes_only_what_is_missing(
    outside: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*outside, *RUN, "--strategies", "random"]) == 0
    first = pd.read_csv("simulations/results.csv")
    computed = []

    def counted(*words: Any) -> Any:
        computed.append(words[-1])
        return learning_curve(*words)

    monkeypatch.setattr("faceloop.commands.simulation.runs.learning_curve", counted)
    assert main([*outside, *RUN, "--strategies", "random", "margin/top"]) == 0
    both = pd.read_csv("simulations/results.csv")
    assert computed == [0, 1]
    kept = both[both["strategy"] != "margin/top"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, first)


def test_heads_are_compared_on_the_same_splits(outside: list[str]) -> None:
    words = ["--strategies", "random", "margin/top", "--heads", "logistic", "pool"]
    assert main([*outside, *RUN, *words]) == 0
    both = pd.read_csv("simulations/results.csv").set_index("strategy")["macro_f1"]
    names = {"random", "margin/top", "random + pool", "margin/top + pool"}
    assert set(both.index) == {*names, "whole pool"}
    assert both["random"].tolist() != both["random + pool"].tolist()
    against = pd.read_csv("simulations/against_random.csv")
    assert set(against["strategy"]) == names - {"random"}
    words = ["--strategies", "random", "--heads", "pool", "--out", "alone"]
    assert main([*outside, *RUN, *words]) == 0
    alone = pd.read_csv("alone/results.csv").set_index("strategy")["macro_f1"]
    assert alone["random"].tolist() == both["random + pool"].tolist()


def test_two_jobs_give_what_one_gives(outside: list[str], as_shipped: None) -> None:
    for jobs in ("1", "2"):
        words = ["--strategies", "random", "--jobs", jobs, "--out", f"with-{jobs}"]
        assert main([*outside, *RUN, *words]) == 0
    one, two = (Path(f"with-{jobs}/results.csv").read_bytes() for jobs in "12")
    assert one == two


def test_results_of_another_plan_are_refused(outside: list[str], capsys: Any) -> None:
    assert main([*outside, *RUN, "--strategies", "random"]) == 0
    assert main([*outside, *RUN, "--test-share", "0.5", "--strategies", "random"]) == 2
    assert "holds another simulation: name another folder" in capsys.readouterr().err


def test_the_projects_own_labels_serve_too(second_round: Any) -> None:
    words = ["--rounds", "2", "--round-size", "8", "--validation", "2", "--seeds", "1"]
    assert main(["simulate", *words]) == 0
    names = set(pd.read_csv("simulations/summary.csv")["strategy"])
    assert names == {read_settings().strategy, "article", "random"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--strategies", "entropy/nothing"], "--strategies entropy/nothing: allowed: article"),
        (["--target", "colour"], "wanted are columns file and colour"),
        (["--embeddings", "none.npz"], "wanted are files and embeddings"),
        (["--validation", "12"], "--validation 12: allowed are 0 to 11"),
        (["--test-share", "1"], "--test-share 1.0: must lie between 0 and 1"),
        (["--out", "data/x"], "--out data/x"),
    ],
)
def test_wrong_use_is_said_plainly(
    outside: list[str], capsys: Any, words: list[str], said: str
) -> None:
    assert main([*outside, *RUN, *words]) == 2
    assert said in capsys.readouterr().err


def test_an_embedding_that_is_nan_or_a_file_named_twice_is_refused(
    outside: list[str], capsys: Any
) -> None:
    files, features = np.array(["0.jpg", "1.jpg"]), np.array([[1.0], [np.nan]])
    np.savez("faces.npz", files=files, embeddings=features)
    assert main(outside) == 2 and "an embedding is NaN" in capsys.readouterr().err
    np.savez("faces.npz", files=np.array(["0.jpg", "0.jpg"]), embeddings=np.ones((2, 1)))
    assert main(outside) == 2 and "each once" in capsys.readouterr().err


class TestACurve:
    """The loop inside a simulation."""

    def test_pays_for_its_validation_labels(self, project: Any) -> None:
        rows = rows_of(our_picker("margin/top", read_settings()), Plan(12, 3, 4, 0.25), labelled())
        assert [row["labels"] for row in rows] == [12, 24, 36]
        assert [row["trained_on"] for row in rows] == [8, 20, 32]  # those of earlier rounds train

    def test_ends_when_the_pool_does(self, project: Any) -> None:
        rows = rows_of(our_picker("random", read_settings()), Plan(40, 9, 0, 0.25), labelled())
        assert [row["labels"] for row in rows] == [40, 80, 90]

    def test_never_learns_from_the_test_set_nor_from_a_face_twice(self, project: Any) -> None:
        data, seen = labelled(), []

        def pick(moment: Any, size: int, rng: np.random.Generator) -> np.ndarray:
            assert not set(moment.trained) & set(moment.free)
            seen.append(set(moment.trained) | set(moment.free))
            return moment.free[:size]

        rows_of(pick, Plan(12, 4, 4, 0.25), data)
        _, test = split_test(data, 0.25, seed=0)
        assert len(seen) == 3
        for moment in seen:
            assert not moment & set(test)
            assert not set(data.groups[list(moment)]) & set(data.groups[test])

    def test_starts_alike_for_every_strategy(self, project: Any) -> None:
        plan = Plan(12, 2, 0, 0.25)
        firsts = [
            rows_of(our_picker(name, read_settings()), plan, labelled())[0]
            for name in ("random", "margin/top")
        ]
        assert firsts[0] == firsts[1]

    def test_picks_what_the_strategy_says(self, project: Any) -> None:
        data, settings = labelled(), read_settings()
        moments: list[Any] = []
        ours = our_picker("margin/top", settings)

        def pick(moment: Any, size: int, rng: np.random.Generator) -> np.ndarray:
            moments.append((moment, picked := ours(moment, size, rng)))
            return picked

        rows_of(pick, Plan(12, 2, 0, 0.25), data)
        from faceloop.sampling.uncertainty import margin

        moment, picked = moments[0]
        scores = margin(moment.p)
        expected = moment.free[np.argsort(-scores)[:12]]
        assert set(picked) == set(expected)
