"""A release: what is in it, what is not, and that it is written whole or not at all."""

import hashlib
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from faceloop.commands.cli import main
from faceloop.commands.release import dataset
from faceloop.commands.release import release as command
from faceloop.commands.release.markdown import escaped, table
from faceloop.commands.rounds import next_round
from faceloop.crops.face_table import read_batch
from faceloop.crops.packs import read_crops
from faceloop.model.head import predict
from faceloop.model.head_files import read_head
from faceloop.pool.features import read_features

CLASSES = ["none", "glasses", "sunglasses"]


@pytest.fixture(autouse=True)
def nothing_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_round, "stale_stages", lambda: [])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "release"


def release(out: Path, *words: str) -> Path:
    assert main(["release", str(out), *words]) == 0
    return out


def refused(capsys: Any, *words: str) -> str:
    capsys.readouterr()
    assert main(["release", *words]) == 2
    return capsys.readouterr().err


def labelled(name: str = "o01-i00") -> pd.DataFrame:
    return pd.read_csv(f"data/labelled/{name}.csv")


def rows_of(out: Path) -> pd.DataFrame:
    parts = sorted((out / "dataset").glob("*.parquet"))
    return pd.concat([pd.read_parquet(path).assign(part=path.stem) for path in parts])


def revote(project: Any, labels: dict[str, str]) -> None:
    """Change some of ana's answers of the last round, and run the stages again."""
    path = project.root / "labels/o01-i00/ana.csv"
    votes = pd.read_csv(path, dtype=str).set_index("face_id")["label"].to_dict()
    project.add_votes("o01-i00", "ana", votes | labels)
    project.repro()


def everything(out: Path) -> str:
    """Return all that a release says: every file's text, and every cell of its Parquet."""
    texts = [path.read_bytes().decode("latin-1") for path in out.rglob("*") if path.is_file()]
    return "\n".join([*texts, rows_of(out).to_csv()])


# Refusals


def test_it_refuses_a_folder_inside_the_project(second_round: Any, capsys: Any) -> None:
    assert "inside the project" in refused(capsys, "release")
    assert not (second_round.root / "release").exists()


def test_it_refuses_a_folder_that_holds_something(
    second_round: Any, out: Path, capsys: Any
) -> None:
    out.mkdir()
    (out / "mine.txt").touch()
    assert "name a new folder" in refused(capsys, str(out))
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_it_refuses_a_stale_pipeline(
    second_round: Any, out: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_round, "stale_stages", lambda: ["train@o01-i00"])
    assert "stale (train@o01-i00)" in refused(capsys, str(out))
    assert not out.exists()


def test_it_refuses_where_nothing_is_labelled(seed: Any, out: Path, capsys: Any) -> None:
    assert "no labelled round" in refused(capsys, str(out))
    seed.add_queue("o00-i00", list(seed.truth())[:4])
    seed.add_votes("o00-i00", "ana", dict.fromkeys(list(seed.truth())[:4], "unsure"))
    seed.repro()
    assert "no face has a class" in refused(capsys, str(out))


def test_an_empty_folder_is_filled(second_round: Any, out: Path) -> None:
    out.mkdir()
    release(out)
    assert sorted(path.name for path in out.iterdir()) == ["dataset", "model"]


def test_a_release_that_fails_leaves_nothing(
    second_round: Any, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(command, "write_model", fails)
    with pytest.raises(OSError, match="disk full"):
        main(["release", str(out)])
    assert not out.exists()
    assert not list(out.parent.glob("*.partial"))


# The data set


def test_pandas_reads_every_labelled_face_with_its_picture(second_round: Any, out: Path) -> None:
    rows = rows_of(release(out))
    truth = labelled().set_index("face_id")
    assert sorted(rows["face_id"]) == sorted(truth.index)
    for row in rows.itertuples():
        (crop,) = read_crops("pool", [row.face_id])
        assert row.image == {"bytes": crop, "path": f"{row.face_id}.jpg"}
        assert Image.open(io.BytesIO(row.image["bytes"])).size == (160, 160)
        found = truth.loc[row.face_id]
        assert (row.answer, row.part, CLASSES[int(row.label)]) == (
            found["label"],
            found["split"],
            found["label"],
        )
        for name in ("confidence", "votes", "round", "purpose", "batch", "group"):
            assert getattr(row, name) == found[name]
        assert row.reason == "test"


def test_rows_say_where_their_face_was_found(second_round: Any, out: Path) -> None:
    columns = ["face_id", "source", "x0", "y0", "x1", "y1"]
    rows = rows_of(release(out))[columns].sort_values("face_id", ignore_index=True)
    faces = read_batch("pool")[columns].astype(rows.dtypes.to_dict())
    expected = faces[faces["face_id"].isin(rows["face_id"])]
    pd.testing.assert_frame_equal(
        rows, expected.sort_values("face_id", ignore_index=True), check_dtype=False
    )


def test_the_schema_tells_hugging_face_of_pictures_and_classes(
    second_round: Any, out: Path
) -> None:
    schema = pq.read_schema(release(out) / "dataset/train.parquet")
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"] == {"_type": "ClassLabel", "names": CLASSES}
    assert list(features) == schema.names


@pytest.mark.parametrize("form", ["parquet", "folder"])
def test_hugging_face_datasets_loads_it(
    second_round: Any, out: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets", reason="needs 'pip install datasets'")
    release(out, "--format", form)
    loaded = datasets.load_dataset(str(out / "dataset"), cache_dir=str(out.parent / "cache"))
    counts = labelled()["split"].value_counts().to_dict()
    assert {part: len(rows) for part, rows in loaded.items()} == counts
    face = loaded["train"][0]
    assert face["image"].size == (160, 160)
    assert face["answer"] in CLASSES


def test_the_folder_form_sorts_pictures_by_answer(second_round: Any, out: Path) -> None:
    release(out, "--format", "folder")
    table = pd.read_csv(out / "dataset/train/metadata.csv", keep_default_na=False)
    wanted = labelled().query("split == 'train'").set_index("face_id")["label"]
    assert table.set_index("face_id")["answer"].to_dict() == wanted.to_dict()
    for row in table.itertuples():
        assert row.file_name == f"{row.answer}/{row.face_id}.jpg"
        (crop,) = read_crops("pool", [row.face_id])
        assert (out / "dataset/train" / row.file_name).read_bytes() == crop


def test_faces_without_a_class_stand_apart(second_round: Any, out: Path) -> None:
    asked = labelled().query("round == 'o01-i00' and purpose == 'train'")["face_id"].tolist()
    revote(second_round, {asked[0]: "unsure", asked[1]: "not_a_face"})
    rows = rows_of(release(out)).set_index("face_id")
    apart = rows[rows["part"] == "without_class"]
    assert apart["answer"].to_dict() == {asked[0]: "unsure", asked[1]: "not_a_face"}
    assert apart["label"].isna().all()
    assert rows.loc[~rows.index.isin(asked[:2]), "label"].notna().all()
    front = yaml.safe_load((out / "dataset/README.md").read_text().split("---")[1])
    configs = {one["config_name"]: one["data_files"] for one in front["configs"]}
    assert "without_class" not in [file["split"] for file in configs["default"]]
    assert configs["without_class"] == [{"split": "without_class", "path": "without_class.parquet"}]


def test_faces_of_a_rejected_round_are_left_out(second_round: Any, out: Path) -> None:
    second_round.set({"rounds.candidate": "o01-i01", "rounds.rejected": ["o01-i00"]})
    ids = [one for one in second_round.truth() if one not in set(labelled()["face_id"])]
    second_round.add_queue("o01-i01", ids[:12], validation=6)
    second_round.vote_truly("o01-i01")
    second_round.repro()
    rows = rows_of(release(out))
    assert set(rows["round"]) == {"o00-i00", "o01-i01"}
    left_out = (labelled("o01-i01")["round"] == "o01-i00").sum()
    assert f"{left_out} labelled faces of rejected" in (out / "dataset/README.md").read_text()


def test_a_rejected_candidate_gives_way_to_the_accepted_round(
    second_round: Any, out: Path, capsys: Any
) -> None:
    path = second_round.root / "metrics/gate.json"
    gate = json.loads(path.read_text()) | {"verdict": "stop", "rejected": True}
    path.write_text(json.dumps(gate))
    release(out)
    assert "o01-i00 was rejected" in capsys.readouterr().out
    assert set(rows_of(out)["round"]) == {"o00-i00"}
    released = (out / "model/head.safetensors").read_bytes()
    assert released == Path("models/o00-i00.safetensors").read_bytes()
    assert "was rejected" in (out / "model/README.md").read_text()


def test_few_faces_at_a_time_give_the_same_rows(
    second_round: Any, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rows_of(release(out))
    monkeypatch.setattr(dataset, "ROW_GROUP", 5)
    parts = release(out.with_name("small")) / "dataset"
    n = len(whole[whole["part"] == "train"])
    assert pq.ParquetFile(parts / "train.parquet").num_row_groups == -(-n // 5) > 1
    pd.testing.assert_frame_equal(rows_of(parts.parent), whole)


def test_two_releases_are_the_same_bytes(second_round: Any, out: Path) -> None:
    def digests(folder: Path) -> dict[str, str]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    for words in ([], ["--anonymous-sources"], ["--format", "folder"]):
        first, second = out.with_name("one"), out.with_name("two")
        assert digests(release(first, *words)) == digests(release(second, *words))
        shutil.rmtree(first)
        shutil.rmtree(second)


@pytest.mark.parametrize("part", ["dataset", "model"])
def test_sha256sum_checks_every_file(second_round: Any, out: Path, part: str) -> None:
    folder = release(out) / part
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=True)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {line.split(":")[0] for line in done.stdout.splitlines()} == files - {"SHA256SUMS"}
    (folder / "README.md").write_text("changed")
    assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode == 1


# What must not be told


def test_anonymous_sources_leave_no_path_id_or_group(second_round: Any, out: Path) -> None:
    said = everything(release(out, "--anonymous-sources"))
    faces = read_batch("pool")
    for name in ("face_id", "source", "group", "source_sha256"):
        for value in faces[name].unique():
            assert not re.search(rf"(?<!\w){re.escape(value)}", said), f"{name} {value}"
    rows = rows_of(out)
    assert rows["source"].isna().all()
    assert rows["face_id"].str.fullmatch(r"f\d{6}").all() and rows["face_id"].is_unique


def test_anonymous_faces_keep_their_group_mates_and_pictures(second_round: Any, out: Path) -> None:
    plain = rows_of(release(out))
    hidden = rows_of(release(out.with_name("hidden"), "--anonymous-sources"))
    by_picture = {row.image["bytes"]: row for row in hidden.itertuples()}
    pairs = [(row, by_picture[row.image["bytes"]]) for row in plain.itertuples()]
    assert all((a.answer, a.part, a.reason) == (b.answer, b.part, b.reason) for a, b in pairs)
    assert len({(a.group, b.group) for a, b in pairs}) == plain["group"].nunique()
    order = [a.face_id for a, b in sorted(pairs, key=lambda pair: pair[1].face_id)]
    assert order != sorted(order)


def test_annotators_are_named_only_when_asked(second_round: Any, out: Path) -> None:
    for name in ("o00-i00", "o01-i00"):
        votes = Path(f"labels/{name}/ana.csv")
        votes.rename(votes.with_name("zoltan-b.csv"))
    second_round.repro()
    assert "zoltan-b" not in everything(release(out))
    card = (out / "dataset/README.md").read_text()
    assert "labelled by 1 annotator" in card and "| annotator 1 | 44 |" in card
    named = release(out.with_name("named"), "--name-annotators")
    assert "| zoltan-b | 44 |" in (named / "dataset/README.md").read_text()


def test_annotators_figures_count_agreeing_pairs(second_round: Any, out: Path) -> None:
    truth = second_round.truth()
    ids = labelled()["face_id"].tolist()
    first = [one for one in ids if labelled().set_index("face_id")["round"][one] == "o00-i00"][:4]
    wrong = {one: CLASSES[(CLASSES.index(truth[one]) + 1) % 3] for one in first[:1]}
    second_round.add_votes("o00-i00", "ben", {one: truth[one] for one in first} | wrong)
    second_round.repro()
    card = (release(out, "--name-annotators") / "dataset/README.md").read_text()
    assert "| ben | 4 | 0.000 | 0.000 | 0.750 | 4 |" in card
    assert "| ana | 44 | 0.000 | 0.000 | 0.750 | 4 |" in card


# The cards


def test_cards_and_command_say_that_the_target_is_not_met(
    second_round: Any, out: Path, capsys: Any
) -> None:
    release(out)
    assert "the target is not met" in capsys.readouterr().out
    for part in ("dataset", "model"):
        assert "is not met.**" in (out / part / "README.md").read_text()


def test_cards_say_that_the_target_is_met(second_round: Any, out: Path, capsys: Any) -> None:
    path = second_round.root / "metrics/gate.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"verdict": "target_met"}))
    release(out)
    assert "not met" not in capsys.readouterr().out
    for part in ("dataset", "model"):
        assert "is met by the whole interval" in (out / part / "README.md").read_text()


def test_cards_leave_no_blank(second_round: Any, out: Path) -> None:
    release(out)
    for part in ("dataset", "model"):
        card = (out / part / "README.md").read_text()
        assert "{" not in card.replace("{split", "").replace('{"bytes"', "")
        assert not re.search(r"\b(None|nan)\b", card)


def test_kinds_of_source_are_shown_escaped_from_twenty_faces(second_round: Any, out: Path) -> None:
    sources = read_batch("pool")["source"].drop_duplicates().sort_values().tolist()
    kinds = ["<b>east|west</b>" if at < 30 else "rare" for at in range(len(sources))]
    lines = [f"{one},{kind},tv\n" for one, kind in zip(sources, kinds, strict=True)]
    Path("data/sources").mkdir(exist_ok=True)
    Path("data/sources/pool.csv").write_text("source,country,channel\n" + "".join(lines))
    release(out)
    data, model = ((out / part / "README.md").read_text() for part in ("dataset", "model"))
    assert r"| country | &lt;b&gt;east\|west&lt;/b&gt; | 44 |" in data
    assert "| channel | tv | 44 |" in data
    assert "<b>" not in data + model and "rare" not in data + model


def test_cards_name_the_commit_of_a_clean_folder_alone(
    second_round: Any, out: Path, capsys: Any
) -> None:
    git = "git -c user.name=t -c user.email=t@example.org"
    Path(".gitignore").write_text("/.work/\n", encoding="utf-8")
    commit = f"git init -q && git add -A && {git} commit -qm one --date 2026-01-02T03:04:05"
    subprocess.run(commit, shell=True, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    release(out)
    for part in ("dataset", "model"):
        assert head.stdout[:12] in (out / part / "README.md").read_text()
    (second_round.root / "stray.txt").touch()
    release(out.with_name("dirty"))
    assert "name no commit" in capsys.readouterr().out
    assert head.stdout[:12] not in (out.with_name("dirty") / "model/README.md").read_text()


def test_markup_in_cells_is_escaped() -> None:
    assert escaped("a|b <i> `c`\nd_e") == r"a\|b &lt;i&gt; \`c\` d\_e"
    assert table(["x"], [[None]]) == "| x |\n| --- |\n| – |"


# The model


def test_calibration_is_what_is_said_of_each_class_of_random_faces_while_held_out(
    second_round: Any, out: Path
) -> None:
    """A validation face that trains is judged out of fold, the others by the head itself."""
    faces = labelled()
    chance = {True: 0.25, False: None}
    path = second_round.root / "data/labelled/o01-i00.csv"
    drawn_at_random = (faces["purpose"] == "validation") | (faces.index % 3 == 0)
    faces["inclusion_probability"] = drawn_at_random.map(chance)
    faces.to_csv(path, index=False)
    folds = pd.read_parquet("models/o01-i00.out_of_fold.parquet").set_index("face_id")
    head = read_head(Path("models/o01-i00.safetensors"))
    sums = np.full((3, 3), 1 / 3)  # the prior
    for row in faces[drawn_at_random].itertuples():
        if row.split == "train":
            p = folds.loc[row.face_id, [f"p_{name}" for name in CLASSES]].to_numpy(dtype=float)
        else:
            one = pd.DataFrame({"batch": ["pool"], "face_id": [row.face_id]})
            p = predict(head, read_features(one, ["pool"]))[0]
        sums[CLASSES.index(row.label)] += p
    means, *draws = np.load(release(out) / "model/calibration.npy")
    np.testing.assert_allclose(means, sums / sums.sum(axis=1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(np.mean(draws, axis=0), means, atol=0.05)
    assert np.std(draws, axis=0).min() > 0.001
    about = json.loads((out / "model/model.json").read_text())["calibration"]
    assert about["faces"] == sum(about["of_class"].values()) == drawn_at_random.sum()


@pytest.mark.parametrize(
    ("class_weight", "said"), [("none", "all weighted alike"), ("balanced", "balanced by class")]
)
def test_the_card_says_how_classes_were_weighted(
    second_round: Any, out: Path, class_weight: str, said: str
) -> None:
    second_round.set({"train.head": "logistic", "train.class_weight": class_weight})
    release(out)
    assert said in (out / "model/README.md").read_text()


def test_the_model_names_its_embedder_by_its_weights(second_round: Any, out: Path) -> None:
    import facenet_pytorch

    about = json.loads((release(out) / "model/model.json").read_text())
    weights = Path(facenet_pytorch.__file__).parent / "data/onet.pt"
    assert about["embedder"] == {
        "model": "mtcnn-onet",
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "pixels": None,
    }
    assert about["classes"] == CLASSES
