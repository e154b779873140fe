"""Tables and arrays on disk come back as they were."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from faceloop.balance.balance_figures import CLASS, ValueFigures
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import EMBEDDINGS_DIR, read_csv, write_csv, write_parquet
from faceloop.base.tables import as_table, stacked
from faceloop.commands.settings import read_settings
from faceloop.crops.face_table import FACES, read_batch, read_batch_rows, read_faces
from faceloop.embedding.rows import write_array, writing_rows
from faceloop.pool import features
from faceloop.pool.features import StoredEmbeddings, embedding_width, read_embeddings, read_features
from faceloop.pool.labelled import LABELLED
from faceloop.pool.queue import QUEUE
from faceloop.pool.reading import pool_embeddings, read_pool
from faceloop.statistics.estimates import Estimate
from faceloop.statistics.figure_files import read_json, read_record, write_json, write_record

AWKWARD = [
    "None",
    "NA",
    "null",
    "nan",
    "N/A",
    "",
    "1e5",
    "007",
    "True",
    "1.0",
    "-",
    'é, "x"',
    "眼鏡",
]


def labelled(labels: list[str]) -> pd.DataFrame:
    n = len(labels)
    return as_table(
        {
            "face_id": ["1234567890123456", "12345e6789012345", "0000000000000001", *["ab"] * n][
                :n
            ],
            "batch": ["2024"] * n,
            "round": ["o00-i00"] * n,
            "group": ["2024/1.jpg"] * n,
            "split": ["train"] * n,
            "label": labels,
            "confidence": [2 / 3] * n,
            "votes": [3] * n,
            "agreement": [None, *[1 / 3] * n][:n],
        },
        LABELLED,
    )


def test_names_that_look_like_something_else_stay_text(tmp_path: Path) -> None:
    table = labelled(AWKWARD)
    write_csv(table, tmp_path / "t.csv")
    back = read_csv(tmp_path / "t.csv", LABELLED)
    for column in ("face_id", "batch", "label"):
        assert back[column].tolist() == table[column].tolist()


def test_numbers_come_back_to_six_decimals_and_blanks_as_missing(tmp_path: Path) -> None:
    write_csv(labelled(["a", "b"]), tmp_path / "t.csv")
    back = read_csv(tmp_path / "t.csv", LABELLED)
    assert back["confidence"].tolist() == [0.666667, 0.666667]
    assert np.isnan(back["agreement"][0]) and back["agreement"][1] == 0.333333
    assert back.dtypes.astype(str).to_dict() == labelled(["a"]).dtypes.astype(str).to_dict()


def test_csv_is_utf_8_with_lf(tmp_path: Path) -> None:
    write_csv(labelled(["é"]), tmp_path / "t.csv")
    content = (tmp_path / "t.csv").read_bytes()
    assert b"\r" not in content and "é".encode() in content and content.endswith(b"\n")


def test_an_empty_table_keeps_its_columns_and_types(tmp_path: Path) -> None:
    write_csv(as_table([], QUEUE), tmp_path / "t.csv")
    back = read_csv(tmp_path / "t.csv", QUEUE)
    assert list(back) == list(QUEUE) and len(back) == 0
    assert str(back["frame"].dtype) == "Int64"


def test_a_queues_blank_frame_cluster_and_score_stay_blank(project: Any) -> None:
    project.add_batch("pool", photos=2)
    project.add_queue("o00-i00", project.truth())
    back = read_csv(project.queue("o00-i00"), QUEUE)
    assert back[["frame", "score", "cluster", "inclusion_probability"]].isna().all(axis=None)
    assert back["x0"].tolist() == [10, 10]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("face_id,label\na,b\n", "t.csv:1: no column 'agreement'"),
        ("a,b\n1,2,3\n1,2,3,4\n", "t.csv"),
        ("", "t.csv"),
    ],
)
def test_a_table_that_is_not_one_of_ours_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(FaceloopError, match=words) as error:
        read_csv(tmp_path / "t.csv", LABELLED)
    assert "restore it" in str(error.value)


def test_a_word_where_a_number_belongs_is_refused(tmp_path: Path) -> None:
    write_csv(labelled(["a"]), tmp_path / "t.csv")
    text = (tmp_path / "t.csv").read_text().replace("0.666667,3", "0.666667,three")
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(FaceloopError, match=r"t.csv:2: column 'votes' holds no number"):
        read_csv(tmp_path / "t.csv", LABELLED)


def test_a_missing_table_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FaceloopError, match="is not here: run 'dvc repro' or 'dvc pull'"):
        read_csv(tmp_path / "t.csv", LABELLED)
    with pytest.raises(FaceloopError, match="is not here"):
        read_json(tmp_path / "t.json")


def test_json_comes_back_and_nan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    write_json({"é": [1, None, 0.5]}, path)
    assert read_json(path) == {"é": [1, None, 0.5]} and "é" in path.read_text(encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_json({"x": float("nan")}, path)
    assert path.read_bytes() == before


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    sure, path = Estimate(value=0.5, low=0.25, high=1.0), tmp_path / "t.json"
    country = ValueFigures.model_validate({"faces": 3, "share": 1.0, CLASS: {"fr": sure}})
    write_record(country, path)
    assert list(read_json(path)) == ["faces", "share", "class"]
    assert read_record(ValueFigures, path) == country


@pytest.mark.parametrize(
    ("change", "key"),
    [({"high": "1"}, "high"), ({"error": 0.1}, "error"), ({"low": None}, "low"), ([], "top level")],
)
def test_figures_of_another_version_say_what_to_run(tmp_path: Path, change: Any, key: str) -> None:
    path = tmp_path / "t.json"
    figures = {"value": 0.5, "low": 0.25, "high": 1.0}
    write_json(figures | change if change else change, path)
    with pytest.raises(FaceloopError, match=f"t.json: {key}.*another version: run 'dvc repro'"):
        read_record(Estimate, path)


def test_a_face_table_comes_back_with_its_types(project: Any) -> None:
    project.add_batch("pool", photos=3, per_photo=2, copies=1)
    back = read_batch("pool")
    assert as_table(back, FACES).dtypes.equals(back.dtypes)
    assert back["frame"].isna().all() and back["duplicate_of"].notna().tolist() == [False] * 6 + [
        True
    ]


def test_faces_of_several_batches_stand_in_the_order_of_params(project: Any) -> None:
    project.add_batch("b", photos=2)
    project.add_batch("a", photos=1)
    assert read_faces(["b", "a"])["batch"].tolist() == ["b", "b", "a"]
    assert len(stacked([], FACES)) == 0


def test_a_table_of_a_batch_that_params_do_not_name_is_refused(project: Any) -> None:
    project.add_batch("a", photos=1)
    project.add_batch("left", photos=1)
    with pytest.raises(FaceloopError, match=r"left\.parquet belongs to no batch.*rm data/\*/left"):
        read_faces(["a"])
    with pytest.raises(FaceloopError, match="is not here"):
        read_faces(["a", "left", "none"])


def test_features_come_in_the_order_of_the_faces_asked_for(project: Any) -> None:
    for batch in ("a", "b"):
        faces = project.add_batch(batch, photos=4)
        assert len(faces) == 4
    write_array(np.arange(8, dtype=np.float32).reshape(4, 2), EMBEDDINGS_DIR / "a.npy")
    write_array(10 + np.arange(8, dtype=np.float32).reshape(4, 2), EMBEDDINGS_DIR / "b.npy")
    a, b = read_batch("a"), read_batch("b")
    asked = pd.concat([b.iloc[[3]], a.iloc[[2]], b.iloc[[0]]])
    assert read_features(asked, ["a", "b"]).tolist() == [[16, 17], [4, 5], [10, 11]]
    assert read_features(asked.iloc[[1]], ["a", "b"]).tolist() == [[4, 5]]
    assert read_features(asked.iloc[:0], ["a", "b"]).shape == (0, 2)
    assert read_features(asked.iloc[:0], []).shape == (0, 1)
    with pytest.raises(FaceloopError, match="face zz is not in batch a"):
        read_features(asked.iloc[[1]].assign(face_id="zz"), ["a", "b"])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rows_written_in_any_order_are_the_array_that_numpy_saves(
    tmp_path: Path, dtype: str
) -> None:
    array = np.random.default_rng(0).normal(size=(7, 3)).astype(dtype)
    with writing_rows(tmp_path / "rows.npy", 7, dtype) as rows:
        for start in (4, 0, 2):
            rows.write(start, array[start : start + 2 + (start == 4)])
        assert not (tmp_path / "rows.npy").exists()
    write_array(array, tmp_path / "whole.npy")
    assert (tmp_path / "rows.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_an_array_without_rows_has_its_type(tmp_path: Path) -> None:
    with writing_rows(tmp_path / "rows.npy", 0, "float16"):
        pass
    found = np.load(tmp_path / "rows.npy")
    assert found.shape == (0, 1) and found.dtype == np.float16


def test_an_array_that_lacks_rows_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="2 of 3 rows"),
        writing_rows(tmp_path / "rows.npy", 3, "float16") as rows,
    ):
        rows.write(0, np.ones((2, 4)))
    assert list(tmp_path.iterdir()) == []


def test_embeddings_of_two_widths_are_refused(project: Any) -> None:
    write_array(np.zeros((2, 4), np.float16), EMBEDDINGS_DIR / "a.npy")
    write_array(np.zeros((2, 8), np.float16), EMBEDDINGS_DIR / "b.npy")
    write_array(np.zeros((0, 1), np.float16), EMBEDDINGS_DIR / "empty.npy")
    assert embedding_width(["a", "empty"]) == 4
    assert embedding_width([]) == embedding_width(["empty"]) == 1
    with pytest.raises(FaceloopError, match=r"several widths \[4, 8\]: run 'dvc repro'"):
        embedding_width(["a", "b"])


def test_a_pool_without_a_batch_or_with_other_embeddings_is_refused(project: Any) -> None:
    project.add_batch("pool", photos=3)
    project.add_labelled("o00-i00")
    assert len(read_pool(read_settings()).faces) == 3
    write_parquet(read_batch("pool").iloc[:2], Path("data/faces/pool.parquet"))
    with pytest.raises(FaceloopError, match="has 2 faces and 3 embeddings: run 'dvc repro'"):
        pool_embeddings(read_settings(), read_pool(read_settings()).faces)
    project.set({"batches": []})
    with pytest.raises(FaceloopError, match="batches is empty: run 'faceloop next --batch NAME'"):
        read_pool(read_settings())


def test_stored_embeddings_give_slices_and_positions_as_an_array_does(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.add_batch("pool", photos=9)
    monkeypatch.setattr(features, "GATHERED", 4)
    stored, whole = StoredEmbeddings("pool"), np.array(read_embeddings("pool"))
    assert (len(stored), stored.shape) == (9, (9, 8))
    for rows in (slice(2, 5), slice(7, 99), np.array([8, 0, 3, 3, 5, 1]), np.array([], int)):
        np.testing.assert_array_equal(stored[rows], whole[rows])


def test_rows_of_a_face_table_come_in_the_order_asked_for(project: Any) -> None:
    project.add_batch("pool", photos=9)
    rows = np.array([7, 2, 5])
    expected = read_batch("pool").iloc[rows].reset_index(drop=True)
    pd.testing.assert_frame_equal(read_batch_rows("pool", rows), expected)
    assert read_batch_rows("pool", rows[:0]).empty


def test_only_the_columns_asked_for_are_read(project: Any) -> None:
    project.add_batch("pool", photos=2)
    assert list(read_batch("pool", ["group", "face_id"]).columns) == ["group", "face_id"]


def test_of_a_large_pool_only_faces_of_some_rows_and_beside_them_are_read(project: Any) -> None:
    project.add_batch("pool", photos=5, per_photo=2)
    whole = read_faces(["pool"])
    moved = whole.iloc[[2]].assign(asked_id="gone")  # its photo is known still
    renamed = whole.iloc[[9]].assign(source="other.jpg", asked_id=whole["face_id"])
    found = read_faces(["pool"], pd.concat([moved, renamed]))
    pd.testing.assert_frame_equal(found, whole.iloc[[2, 3, 9]].reset_index(drop=True))
    assert read_faces(["pool"], renamed.iloc[:0]).empty
