"""Which labelled face is for what: the over-fitting set and the splits."""

import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from faceloop.pool.splits import assign_splits, draw_overfit_groups, next_overfit_groups

CLASSES = ["a", "b", "c"]


def old_faces(n_groups: int = 60, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        (f"g{group:03d}", str(rng.choice(["a", "b", "c", "unsure"], p=[0.6, 0.2, 0.1, 0.1])))
        for group in range(n_groups)
        for _ in range(rng.integers(1, 5))
    ]
    return pd.DataFrame(rows, columns=["group", "label"], dtype="str")


def test_each_class_gives_at_least_its_share() -> None:
    old = old_faces()
    held_out = draw_overfit_groups(old, 0.2, 1, 1, CLASSES)
    inside = Counter(old.loc[old["group"].isin(held_out), "label"])
    for label, n in Counter(old["label"]).items():
        if label in CLASSES:
            assert inside[label] >= math.floor(0.2 * n)
    assert sum(inside.values()) < 0.5 * len(old)


def test_photos_of_one_face_meet_the_share_to_the_face() -> None:
    old = old_faces(n_groups=200)
    alone = old[~old["group"].duplicated(keep=False)]
    held_out = draw_overfit_groups(alone, 0.2, 1, 1, CLASSES)
    inside = Counter(alone.loc[alone["group"].isin(held_out), "label"])
    n = Counter(alone["label"])
    assert {label: inside[label] for label in CLASSES} == {
        label: math.floor(0.2 * n[label]) for label in CLASSES
    }


def test_a_class_with_a_handful_of_faces_keeps_them_for_training() -> None:
    old = pd.DataFrame({"group": list("pqrstuv"), "label": list("aaaaaab")}, dtype="str")
    assert "v" not in draw_overfit_groups(old, 0.2, 1, 1, CLASSES)


def test_share_0_holds_out_nothing() -> None:
    assert draw_overfit_groups(old_faces(), 0.0, 1, 1, CLASSES) == set()


def test_a_photo_with_a_class_that_lacks_none_is_taken_for_the_one_that_does() -> None:
    old = pd.DataFrame({"group": list("ppqqrrss"), "label": list("abababab")}, dtype="str")
    old = pd.concat([old, pd.DataFrame({"group": ["t", "t"], "label": ["a", "c"]}, dtype="str")])
    assert len(draw_overfit_groups(old, 0.2, 1, 1, CLASSES)) == 1


def test_a_rejected_round_gives_nothing_to_the_next_over_fitting_set() -> None:
    rounds = ["o00-i00"] * 5 + ["o01-i00"] * 5
    table = pd.DataFrame({"round": rounds, "group": list("pqrstuvwxy"), "label": "a"}, dtype="str")

    def drawn(rejected: list[str]) -> set[str]:
        settings = SimpleNamespace(
            rounds=SimpleNamespace(candidate="o01-i00", rejected=rejected),
            merge_labels=SimpleNamespace(overfit_share=0.2),
            seed=1,
            classes=CLASSES,
        )
        return next_overfit_groups(table, settings)  # type: ignore[arg-type]

    assert len(drawn([])) == 1 and drawn([]) < set("pqrst")
    assert drawn(["o00-i00"]) == set()


def test_all_faces_of_a_photo_that_is_taken_count() -> None:
    old = pd.DataFrame({"group": list("ppqqrrsstt"), "label": "a"}, dtype="str")
    for share, groups in ((0.2, 1), (0.4, 2), (0.5, 3)):
        assert len(draw_overfit_groups(old, share, 1, 1, CLASSES)) == groups


def test_no_old_face_gives_no_set() -> None:
    assert draw_overfit_groups(old_faces().iloc[:0], 0.2, 1, 1, CLASSES) == set()


def test_unsure_faces_do_not_count() -> None:
    old = pd.DataFrame({"group": ["g"], "label": ["unsure"]}, dtype="str")
    assert draw_overfit_groups(old, 0.5, 1, 1, CLASSES) == set()


def test_the_order_of_rows_does_not_matter_and_seed_and_outer_do() -> None:
    old = old_faces()
    first = draw_overfit_groups(old, 0.2, 1, 1, CLASSES)
    assert draw_overfit_groups(old.sample(frac=1, random_state=1), 0.2, 1, 1, CLASSES) == first
    assert draw_overfit_groups(old, 0.2, 2, 1, CLASSES) != first
    assert draw_overfit_groups(old, 0.2, 1, 2, CLASSES) != first


def test_one_corrected_label_hardly_stirs_the_set() -> None:
    old = old_faces(n_groups=200)
    first = draw_overfit_groups(old, 0.2, 1, 1, CLASSES)
    late = old.copy()
    late.loc[0, "label"] = "b" if late.loc[0, "label"] != "b" else "a"
    assert len(first ^ draw_overfit_groups(late, 0.2, 1, 1, CLASSES)) <= 3


def faces(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["group", "round", "purpose", "label"], dtype="str")


def split_of(*rows: tuple[str, str, str, str], **changes: object) -> list[str]:
    asked = {
        "round_name": "o01-i01",
        "outer": 1,
        "overfit_groups": {"held"},
        "rejected": [],
        "classes": CLASSES,
    } | changes
    return assign_splits(faces(*rows), **asked).tolist()  # type: ignore[arg-type]


def test_old_and_new_faces_train() -> None:
    rows = ("p", "o00-i00", "train", "a"), ("q", "o01-i01", "train", "b")
    assert split_of(*rows) == ["train", "train"]


def test_old_faces_of_a_held_out_group_are_the_over_fitting_set() -> None:
    assert split_of(("held", "o00-i00", "train", "a")) == ["overfit"]


def test_new_faces_of_a_held_out_group_neither_train_nor_judge() -> None:
    rows = ("held", "o01-i00", "train", "a"), ("held", "o01-i01", "validation", "a")
    assert split_of(*rows) == ["unused", "unused"]


def test_this_rounds_validation_judges_and_the_last_ones_trains() -> None:
    rows = ("p", "o01-i01", "validation", "a"), ("q", "o01-i00", "validation", "a")
    assert split_of(*rows) == ["validation", "train"]


def test_a_photo_that_judges_does_not_train() -> None:
    rows = ("p", "o01-i01", "validation", "a"), ("p", "o01-i01", "train", "b")
    assert split_of(*rows) == ["validation", "unused"]


@pytest.mark.parametrize("label", ["unsure", "not_a_face", "unresolved", "gone"])
def test_what_is_no_class_is_unused(label: str) -> None:
    rows = ("p", "o01-i01", "train", label), ("q", "o01-i01", "validation", label)
    assert split_of(*rows, ("held", "o00-i00", "train", label)) == ["unused"] * 3


def test_a_rejected_round_is_unused_whatever_its_purpose() -> None:
    rows = ("p", "o00-i01", "train", "a"), ("held", "o00-i01", "validation", "a")
    assert split_of(*rows, rejected=["o00-i01"]) == ["unused", "unused"]


def test_an_empty_table_has_no_split() -> None:
    assert split_of() == []


def test_no_group_is_on_both_sides_on_random_tables() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        rows = [
            (
                f"g{rng.integers(12)}",
                str(rng.choice(["o00-i00", "o00-i01", "o01-i00", "o01-i01"])),
                str(rng.choice(["train", "validation", "relabel"])),
                str(rng.choice([*CLASSES, "unsure"])),
            )
            for _ in range(60)
        ]
        table = faces(*rows)
        held = {"g1", "g5", "g9"}
        split = assign_splits(table, "o01-i01", 1, held, ["o00-i01"], CLASSES)
        sides = {s: set(table.loc[split == s, "group"]) for s in ("train", "overfit", "validation")}
        assert not sides["train"] & (sides["overfit"] | sides["validation"])
        assert not sides["overfit"] & sides["validation"]
