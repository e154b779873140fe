"""The pool: what may still be asked about."""

import pandas as pd
import pytest

from faceloop.pool.open_faces import open_pool
from faceloop.pool.queue import extend, extensions


def faces() -> pd.DataFrame:
    """Five photos: p has two faces; d is a copy of c; t1 and t2 are one track, t2 a duplicate."""
    rows = [
        ("a", "p", None),
        ("b", "p", None),
        ("c", "q", None),
        ("d", "q", "c"),
        ("e", "r", None),
        ("t1", "v#0000", None),
        ("t2", "v#0000", "t1"),
        ("t3", "v#0000", None),
    ]
    return pd.DataFrame(rows, columns=["face_id", "group", "duplicate_of"])


def labelled(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["face_id", "group"], dtype="str")


def ids(mask) -> list[str]:  # type: ignore[no-untyped-def]
    return faces()["face_id"][mask].tolist()


def test_without_labels_all_but_copies_are_open_and_unseen() -> None:
    pool = open_pool(faces(), labelled(), ())
    assert ids(pool.open) == ids(pool.unseen) == ["a", "b", "c", "e", "t1", "t3"]


def test_a_labelled_face_is_closed_and_its_photo_seen() -> None:
    pool = open_pool(faces(), labelled(("a", "p")), ())
    assert ids(pool.open) == ["b", "c", "e", "t1", "t3"]
    assert ids(pool.unseen) == ["c", "e", "t1", "t3"]


def test_a_labelled_original_settles_its_copy_and_the_reverse() -> None:
    for one in ("c", "d"):
        pool = open_pool(faces(), labelled((one, "q")), ())
        assert not {"c", "d"} & set(ids(pool.open))


def test_another_face_of_a_labelled_track_is_open_but_seen() -> None:
    pool = open_pool(faces(), labelled(("t1", "v#0000")), ())
    assert "t3" in ids(pool.open) and "t3" not in ids(pool.unseen)


def test_faces_beside_the_over_fitting_set_are_closed() -> None:
    pool = open_pool(faces(), labelled(("a", "p")), {"p"})
    assert "b" not in ids(pool.open)


def test_whatever_was_said_of_a_face_closes_it() -> None:
    pool = open_pool(faces(), labelled(("e", "r")), ())
    assert "e" not in ids(pool.open)


def test_unseen_faces_are_open() -> None:
    pool = open_pool(faces(), labelled(("a", "p"), ("t1", "v#0000")), ())
    assert not (pool.unseen & ~pool.open).any()


def test_an_empty_batch_is_an_empty_pool() -> None:
    pool = open_pool(faces().iloc[:0], labelled(("a", "p")), ())
    assert len(pool.open) == len(pool.unseen) == 0


def test_an_extension_is_the_next_of_the_reserve_and_all_were_as_likely() -> None:
    """Of 2 validation faces, then 4, then 5, each was drawn with 0.1, 0.2 and 0.25."""
    rows = [
        ("a", "train", "top", None),
        ("b", "validation", "x", 0.1),
        ("c", "validation", "x", 0.1),
    ]
    columns = ["asked_id", "purpose", "reason", "inclusion_probability"]
    queue = pd.DataFrame(rows, columns=columns)
    reserve = pd.DataFrame([(one, "validation", "x", 0.1) for one in "cdef"], columns=columns)
    found = queue
    for size, asked, chance in ((2, "abcde", 0.2), (9, "abcdef", 0.25)):
        found = extend(found, reserve, size)
        assert "".join(found["asked_id"]) == asked
        assert pd.isna(found["inclusion_probability"][0])
        assert found["inclusion_probability"][1:].tolist() == pytest.approx(
            [chance] * len(asked[1:])
        )
    assert found["reason"].tolist()[1:] == ["x", "x", *["extension 1"] * 2, "extension 2"]
    assert extensions(found["reason"]) == 2 and extensions(queue["reason"]) == 0
