"""The commands between two repros: each does its step whole, or says why and changes nothing."""

import hashlib
import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from faceloop.commands.cli import COMMANDS, main
from faceloop.commands.rounds import next_round
from faceloop.commands.rounds.drafts import Action, Answer, Draft
from faceloop.crops.boxes import BOX
from faceloop.crops.face_table import read_batch
from stages import sample_diverse, sample_uncertain, sample_validation

SEED, FIRST, SECOND = "o00-i00", "o01-i00", "o01-i01"


@pytest.fixture(autouse=True)
def no_dvc(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Nothing is stale, and what would be asked of DVC is noted."""
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(next_round, "stale_stages", lambda: [])
    monkeypatch.setattr(next_round, "run_dvc", lambda *words: asked.append(words) or "")
    return asked


def run(capsys: Any, *words: str) -> tuple[int, str]:
    """Run a command; return its exit code and all that it said."""
    capsys.readouterr()
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out + said.err


def refused(project: Any, capsys: Any, *words: str) -> str:
    """Run a command that must refuse with one line and leave every byte as it was."""
    before = project.snapshot()
    code, said = run(capsys, *words)
    assert code == 2 and said.startswith("error: "), said
    assert project.snapshot() == before
    return said


def ids_of(project: Any) -> list[str]:
    return list(project.truth())


def judge(project: Any, verdict: str, **changes: Any) -> None:
    """Put another verdict in the gate's figures."""
    path = project.root / "metrics/gate.json"
    figures = json.loads(path.read_text()) | {"verdict": verdict, "rejected": False} | changes
    path.write_text(json.dumps(figures))


@pytest.fixture
def voted(second_round: Any) -> Any:
    """A judged first round whose gate says continue."""
    judge(second_round, "continue")
    second_round.ids = read_batch("pool")["face_id"].tolist()
    return second_round


# status


def test_status_without_a_batch(project: Any, capsys: Any) -> None:
    project.set({"batches": []})
    code, said = run(capsys, "status")
    assert code == 0
    assert re.search(r"round +o00-i00, compared with prior", said)
    assert re.search(r"queue +not opened yet", said)
    assert re.search(r"next +put photos and videos in data/raw/NAME/", said)


def test_status_before_the_first_repro(project: Any, capsys: Any) -> None:
    _, said = run(capsys, "status")
    assert "not known yet" in said and re.search(r"next +dvc repro$", said.strip())


def test_status_with_a_drawn_queue(seed: Any, capsys: Any) -> None:
    _, said = run(capsys, "status")
    assert "24 faces left to ask" in said and re.search(r"verdict +start", said)
    assert re.search(r"waiting +14 faces picked", said)
    assert said.strip().endswith("faceloop next")


def test_status_while_votes_are_missing(seed: Any, capsys: Any) -> None:
    assert run(capsys, "next")[0] == 0
    waiting = pd.read_csv(seed.queue(SEED))["face_id"].tolist()
    truth = seed.truth()
    seed.add_votes(SEED, "ana", {one: truth[one] for one in waiting[:5]})
    _, said = run(capsys, "status")
    assert "5 of 14 faces answered" in said and "faceloop export ../to-label" in said


def test_status_when_votes_are_newer_than_the_figures(seed: Any, capsys: Any) -> None:
    run(capsys, "next")
    seed.vote_truly(SEED)
    _, said = run(capsys, "status")
    assert "14 of 14 faces answered" in said and "not known yet" in said
    assert said.strip().endswith("dvc repro")


def test_status_when_the_gate_goes_on_and_when_it_stops(voted: Any, capsys: Any) -> None:
    assert run(capsys, "status")[1].strip().endswith("faceloop next")
    judge(voted, "stop", reasons=["no more gain"])
    _, said = run(capsys, "status")
    assert re.search(r"verdict +stop", said) and "- no more gain" in said
    assert "faceloop next --batch NAME" in said


def test_status_tells_the_gates_reasons(voted: Any, capsys: Any) -> None:
    judge(voted, "undecided", reasons=["gain or none is open", "and more"])
    said = run(capsys, "status")[1]
    assert "- gain or none is open" in said and "- and more" in said


def test_status_of_a_damaged_vote_file_names_it(voted: Any, capsys: Any) -> None:
    voted.add_votes(FIRST, "ben", {voted.ids[20]: "monocle"})
    assert "labels/o01-i00/ben.csv:2: unknown class 'monocle'" in refused(voted, capsys, "status")


def test_every_command_has_help(capsys: Any) -> None:
    for name in COMMANDS:
        with pytest.raises(SystemExit) as end:
            main([name, "--help"])
        assert end.value.code == 0 and name in capsys.readouterr().out


def test_an_unknown_command_is_wrong_use(capsys: Any) -> None:
    for words in ([], ["fly"]):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 2


# next


def test_next_opens_the_seed_round_first(seed: Any, capsys: Any) -> None:
    params = seed.params.read_bytes()
    code, said = run(capsys, "next")
    assert code == 0 and "14 faces wait in labels/o00-i00/queue.csv" in said
    assert seed.params.read_bytes() == params
    queue = pd.read_csv(seed.queue(SEED))
    assert queue["purpose"].value_counts().to_dict() == {"train": 8, "validation": 6}


def test_the_queue_mixes_both_purposes_and_is_the_drawn_one(seed: Any, capsys: Any) -> None:
    run(capsys, "next")
    queue = pd.read_csv(seed.queue(SEED))
    parts = [pd.read_csv(f"data/queue/{name}.csv") for name in ("validation", "diverse", "relabel")]
    assert set(queue["face_id"]) == set(pd.concat(parts)["face_id"])
    assert not queue["face_id"].is_monotonic_increasing
    changes = (queue["purpose"] != queue["purpose"].shift()).sum()
    assert changes > 3, "the two kinds lie in two blocks"


def test_next_moves_params_on_with_their_comments(voted: Any, capsys: Any) -> None:
    before = voted.params.read_text()
    code, said = run(capsys, "next")
    assert code == 0 and "Open o01-i01" in said
    rounds = voted.get("rounds")
    assert rounds == {"accepted": FIRST, "candidate": SECOND, "rejected": [], "without_gain": 0}
    after = voted.params.read_text()
    changed = [
        (old, new)
        for old, new in zip(before.splitlines(), after.splitlines(), strict=True)
        if old != new
    ]
    assert len(changed) == 2
    assert all(old.partition("#")[2] == new.partition("#")[2] != "" for old, new in changed)
    assert voted.queue(SECOND).is_file()


def test_next_is_refused_while_votes_are_missing(voted: Any, capsys: Any) -> None:
    path = voted.root / "labels/o01-i00/ana.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    for words in (["next"], ["next", "--batch", "more"]):
        assert "3 of 24 faces of o01-i00 lack a vote" in refused(voted, capsys, *words)


def test_next_is_refused_before_the_first_repro(project: Any, capsys: Any) -> None:
    project.add_batch("pool", photos=3)
    assert "run 'dvc repro'" in refused(project, capsys, "next")


def test_next_is_refused_while_the_verdict_is_behind(seed: Any, capsys: Any) -> None:
    run(capsys, "next")
    seed.vote_truly(SEED)
    assert "stale (the verdict): run 'dvc repro'" in refused(seed, capsys, "next")


def test_next_is_refused_while_a_stage_is_stale(
    voted: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_round, "stale_stages", lambda: ["embed@pool", "train@o01-i00"])
    said = refused(voted, capsys, "next")
    assert "stale (embed@pool, train@o01-i00): run 'dvc repro'" in said


@pytest.mark.parametrize("verdict", ["stop", "target_met"])
def test_next_is_refused_when_the_gate_ends_the_batch(
    voted: Any, capsys: Any, verdict: str
) -> None:
    judge(voted, verdict, reasons=["because"])
    said = refused(voted, capsys, "next")
    assert f"the gate says {verdict}: because" in said and "next --batch NAME" in said


def test_next_is_refused_when_nothing_is_drawn(voted: Any, capsys: Any) -> None:
    for name in ("validation", "diverse", "relabel"):
        path = voted.root / f"data/queue/{name}.csv"
        path.write_text(path.read_text().splitlines(keepends=True)[0])
    assert "the pool is exhausted" in refused(voted, capsys, "next")


def test_next_never_overwrites_a_round_with_votes(voted: Any, capsys: Any) -> None:
    voted.add_votes(SECOND, "eva", {})
    said = refused(voted, capsys, "next")
    assert "labels/o01-i01/eva.csv holds votes of o01-i01" in said


def add_photos(project: Any, name: str) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    folder = project.root / "data/raw" / name
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes(b"x")


def test_next_batch_opens_an_outer_iteration(
    voted: Any, capsys: Any, no_dvc: list[tuple[str, ...]]
) -> None:
    add_photos(voted, "more")
    code, said = run(capsys, "next", "--batch", "more")
    assert code == 0 and "round o02-i00 opens on it" in said
    assert voted.get("batches") == ["pool", "more"]
    rounds = {"accepted": FIRST, "candidate": "o02-i00", "rejected": [], "without_gain": 0}
    assert voted.get("rounds") == rounds
    assert no_dvc == [("add", "data/raw/more")]


def test_next_batch_goes_on_where_the_gate_says_stop(voted: Any, capsys: Any) -> None:
    judge(voted, "stop")
    add_photos(voted, "more")
    assert run(capsys, "next", "--batch", "more")[0] == 0
    assert voted.get("rounds.accepted") == FIRST


def test_next_batch_rejects_a_round_that_over_fits(voted: Any, capsys: Any) -> None:
    judge(voted, "stop", rejected=True)
    add_photos(voted, "more")
    assert run(capsys, "next", "--batch", "more")[0] == 0
    rounds = {"accepted": SEED, "candidate": "o02-i00", "rejected": [FIRST], "without_gain": 0}
    assert voted.get("rounds") == rounds
    assert "# rounds that over-fitted" in voted.params.read_text()


def test_the_first_batch_opens_the_seed_round(project: Any, capsys: Any) -> None:
    project.set({"batches": []})
    add_photos(project, "mine")
    code, said = run(capsys, "next", "--batch", "mine")
    assert code == 0 and "round o00-i00 opens on it" in said
    assert project.get("batches") == ["mine"] and project.get("rounds.candidate") == SEED


def test_a_batch_that_git_or_dvc_holds_is_not_added_again(
    project: Any, capsys: Any, no_dvc: list[tuple[str, ...]]
) -> None:
    project.set({"batches": []})
    add_photos(project, "one")
    add_photos(project, "two")
    subprocess.run(["git", "add", "-f", "data/raw/one"], check=True)
    (project.root / "data/raw/two.dvc").write_text("outs: []\n")
    for name in ("one", "two"):
        assert run(capsys, "next", "--batch", name)[0] == 0
    assert no_dvc == []


def test_next_batch_refuses_a_known_a_missing_and_an_empty_one(voted: Any, capsys: Any) -> None:
    (voted.root / "data/raw/empty").mkdir()
    assert "'pool' is in params.yaml already" in refused(voted, capsys, "next", "--batch", "pool")
    assert "data/raw/nope/ is not here" in refused(voted, capsys, "next", "--batch", "nope")
    assert "data/raw/empty/ holds no file" in refused(voted, capsys, "next", "--batch", "empty")


def test_a_batch_with_a_bad_name_is_refused_before_dvc_is_asked(
    voted: Any, capsys: Any, no_dvc: list[tuple[str, ...]]
) -> None:
    add_photos(voted, "my photos")
    assert "'my photos'" in refused(voted, capsys, "next", "--batch", "my photos")
    assert no_dvc == []


# next --extend


@pytest.fixture
def extendable(seed: Any, capsys: Any) -> Any:
    """The seed round, opened with 6 of 10 drawn validation faces, and answered."""
    seed.set({"sample_validation.reserve": 4})
    sample_validation.main()
    sample_uncertain.main()
    sample_diverse.main()
    assert run(capsys, "next")[0] == 0
    seed.vote_truly(SEED)
    return seed


def test_extend_adds_the_next_of_the_reserve_at_the_end(extendable: Any, capsys: Any) -> None:
    before = pd.read_csv(extendable.queue(SEED))
    reserve = pd.read_csv(extendable.root / "labels/o00-i00/reserve.csv")
    params = extendable.params.read_bytes()
    code, said = run(capsys, "next", "--extend", "3")
    assert code == 0 and "3 validation faces more" in said and "1 in reserve" in said
    after = pd.read_csv(extendable.queue(SEED))
    standing = [name for name in before if name != "inclusion_probability"]
    pd.testing.assert_frame_equal(after[standing].head(len(before)), before[standing])
    added = after.tail(3)
    assert added["face_id"].tolist() == reserve["face_id"].tolist()[:3]
    assert set(added["purpose"]) == {"validation"} and set(added["reason"]) == {"extension 1"}
    assert extendable.params.read_bytes() == params
    run(capsys, "status")
    assert "3 of 17 faces" in refused(extendable, capsys, "next")


def test_an_extended_sample_has_one_inclusion_probability(extendable: Any, capsys: Any) -> None:
    before = pd.read_csv(extendable.queue(SEED))
    run(capsys, "next", "--extend", "1")
    extendable.vote_truly(SEED)
    run(capsys, "next", "--extend", "2")
    after = pd.read_csv(extendable.queue(SEED))
    asked = after["purpose"] == "validation"
    was = before.loc[before["purpose"] == "validation", "inclusion_probability"].iloc[0]
    assert after.loc[asked, "inclusion_probability"].to_numpy() == pytest.approx(was * 9 / 6)
    assert after.loc[~asked, "inclusion_probability"].isna().all()
    assert after["reason"].tail(3).tolist() == ["extension 1", "extension 2", "extension 2"]


def test_extensions_count_as_looks(extendable: Any, capsys: Any) -> None:
    for _ in range(2):
        run(capsys, "next", "--extend", "1")
        extendable.vote_truly(SEED)
    extendable.repro()
    figures = json.loads((extendable.root / "metrics/gate.json").read_text())
    assert figures["looks"] == 3


def test_an_extension_leaves_the_model_as_it_was(extendable: Any, capsys: Any) -> None:
    extendable.repro()
    model = (extendable.root / "models/o00-i00.safetensors").read_bytes()
    run(capsys, "next", "--extend", "4")
    extendable.vote_truly(SEED)
    extendable.repro()
    assert (extendable.root / "models/o00-i00.safetensors").read_bytes() == model


def test_no_photo_of_the_reserve_is_picked_for_training(extendable: Any) -> None:
    reserve = pd.read_csv(extendable.root / "labels/o00-i00/reserve.csv")
    uncertain = pd.read_csv(extendable.root / "data/queue/uncertain.csv")
    group = read_batch("pool").set_index("face_id")["group"]
    assert len(reserve) == 4
    assert not set(group[reserve["face_id"]]) & set(group[uncertain["face_id"]])


def test_extend_is_refused_beyond_the_reserve_and_before_the_round(
    extendable: Any, capsys: Any
) -> None:
    assert "holds 4 more" in refused(extendable, capsys, "next", "--extend", "5")
    assert "take 1 to 4" in refused(extendable, capsys, "next", "--extend", "0")
    run(capsys, "next", "--extend", "4")
    extendable.vote_truly(SEED)
    assert "is used up" in refused(extendable, capsys, "next", "--extend", "1")


def test_extend_is_refused_where_no_round_is_open(seed: Any, capsys: Any) -> None:
    assert "o00-i00 is not open" in refused(seed, capsys, "next", "--extend", "1")


def test_next_wants_the_gain_settled_first_where_params_say_so(
    extendable: Any, capsys: Any
) -> None:
    extendable.repro()
    judge(extendable, "undecided", more_labels=38)
    assert "or, to settle this round first: faceloop next --extend 4" in run(capsys, "status")[1]
    extendable.set({"gate.on_undecided": "extend"})
    assert "faceloop next --extend 4" in refused(extendable, capsys, "next")
    judge(extendable, "undecided", more_labels=0)
    assert run(capsys, "next")[0] == 0


def test_next_writes_down_the_rounds_without_gain(voted: Any, capsys: Any) -> None:
    judge(voted, "continue", without_gain=2)
    assert run(capsys, "next")[0] == 0
    assert voted.get("rounds.without_gain") == 2
    assert "gate.patience counts" in voted.params.read_text()


# gate


@pytest.mark.parametrize(
    ("verdict", "code"),
    [("start", 0), ("continue", 0), ("undecided", 0), ("stop", 1), ("target_met", 1)],
)
def test_gate_gives_the_verdict_as_an_exit_code(
    voted: Any, capsys: Any, verdict: str, code: int
) -> None:
    judge(voted, verdict, reasons=["why", "and why"])
    assert run(capsys, "gate") == (code, f"o01-i00: {verdict}\n- why\n- and why\n")


def test_gate_refuses_an_old_verdict_and_none(voted: Any, capsys: Any) -> None:
    judge(voted, "continue", answered=3)
    assert "run 'dvc repro'" in refused(voted, capsys, "gate")
    (voted.root / "metrics/gate.json").unlink()
    assert "run 'dvc repro'" in refused(voted, capsys, "gate")


# export and import


def test_export_is_blind(seed: Any, capsys: Any, tmp_path: Path) -> None:
    run(capsys, "next")
    out = tmp_path / "out"
    assert run(capsys, "export", str(out))[0] == 0
    ids = set(pd.read_csv(seed.queue(SEED))["face_id"])
    files = {path for path in out.rglob("*") if path.is_file()}
    assert {path.name for path in files} == {f"{one}.jpg" for one in ids}
    folders = {path.name for path in out.iterdir() if path.is_dir()}
    assert folders == {*seed.get("classes"), "unsure", "not_a_face"}
    assert all(path.parent == out for path in files)
    stamps = sorted(files, key=lambda path: path.stat().st_mtime_ns)
    purposes = pd.read_csv(seed.queue(SEED)).set_index("face_id")["purpose"]
    in_order = [purposes[path.stem] for path in stamps]
    assert in_order != sorted(in_order)


def test_export_keeps_faces_out_of_the_project(seed: Any, capsys: Any) -> None:
    run(capsys, "next")
    assert "try ../to-label" in refused(seed, capsys, "export", "to-label")
    assert not Path("to-label").exists()


def test_export_gives_only_what_waits(seed: Any, capsys: Any, tmp_path: Path) -> None:
    run(capsys, "next")
    ids = pd.read_csv(seed.queue(SEED))["face_id"].tolist()
    seed.add_votes(SEED, "ana", dict.fromkeys(ids[:10], "none"))
    run(capsys, "export", str(tmp_path / "out"))
    assert {path.stem for path in (tmp_path / "out").glob("*.jpg")} == set(ids[10:])
    assert "is there already" in refused(seed, capsys, "export", str(tmp_path / "out"))
    seed.add_votes(SEED, "ana", dict.fromkeys(ids, "none"))
    assert "no face waits" in refused(seed, capsys, "export", str(tmp_path / "more"))


def test_a_failed_export_leaves_no_folder(seed: Any, capsys: Any, tmp_path: Path) -> None:
    run(capsys, "next")
    (seed.root / "data/faces/pool.zip").unlink()
    assert run(capsys, "export", str(tmp_path / "out"))[0] == 2
    assert not (tmp_path / "out").exists()


def test_an_export_comes_back_as_votes(seed: Any, capsys: Any, tmp_path: Path) -> None:
    run(capsys, "next")
    out, truth = tmp_path / "out", seed.truth()
    run(capsys, "export", str(out))
    crops = sorted(out.glob("*.jpg"))
    for crop in crops[:-1]:
        crop.rename(out / truth[crop.stem] / crop.name)
    code, said = run(capsys, "import", str(out), "--as", "ana")
    assert code == 0 and "13 labels by ana, 0 faces new to the queue" in said
    votes = pd.read_csv(seed.root / "labels/o00-i00/ana.csv", dtype=str, keep_default_na=False)
    assert dict(zip(votes["face_id"], votes["label"], strict=True)) == {
        crop.stem: truth[crop.stem] for crop in crops[:-1]
    }
    assert set(votes["mode"]) == {"import"} and (votes["labelled_at"] != "").all()


def test_photos_sorted_by_class_are_known_by_their_bytes(seed: Any, capsys: Any) -> None:
    faces = read_batch("pool")
    folder = seed.root / "sorted"
    (folder / "glasses/inner").mkdir(parents=True)
    content = {"a.jpg": b"one face", "b.jpg": b"two faces", "c.jpg": b"no face"}
    for name, words in content.items():
        (folder / "glasses/inner" / name).write_bytes(words)
    (folder / "glasses/notes.txt").write_text("passed over")
    for at, words in ((3, b"one face"), (5, b"two faces"), (6, b"two faces")):
        faces.loc[at, "source_sha256"] = hashlib.sha256(words).hexdigest()
    faces.to_parquet("data/faces/pool.parquet", index=False)
    code, said = run(capsys, "import", str(folder), "--as", "ana")
    assert code == 0 and "1 labels by ana, 1 faces new" in said
    assert "b.jpg: 2 faces; label them in the queue" in said
    assert "c.jpg: no face was found in it" in said
    why = "1 x several faces, 1 x no face was found in it, or it is in no batch"
    assert re.search(rf"^ *glasses +3 +1 +67% {why}$", said, re.MULTILINE)
    votes = pd.read_csv(seed.root / "labels/o00-i00/ana.csv", dtype=str)
    assert votes[["face_id", "label"]].values.tolist() == [[ids_of(seed)[3], "glasses"]]
    queue = pd.read_csv(seed.queue(SEED), dtype=str)
    assert queue[["face_id", "purpose", "reason"]].values.tolist() == [
        [ids_of(seed)[3], "train", "imported"]
    ]


def test_an_import_tells_what_each_class_lost_and_why(seed: Any, capsys: Any) -> None:
    faces = read_batch("pool")
    folder = seed.root / "data/raw/pool"
    pictures = {"none/1.jpg": 0, "none/2.jpg": 1, "glasses/1.jpg": 2, "glasses/2.jpg": None}
    for name, row in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
        if row is not None:
            faces.loc[row, "source_sha256"] = hashlib.sha256(name.encode()).hexdigest()
    faces.to_parquet("data/faces/pool.parquet", index=False)
    Path("data/faces/pool.rejected.csv").write_text(
        "source,reason,count\nglasses/2.jpg,damaged photo: cut,1\n", encoding="utf-8"
    )
    code, said = run(capsys, "import", "data/raw/pool", "--as", "ana")
    assert code == 0 and "glasses/2.jpg: damaged photo: cut" in said
    table = [line.split(maxsplit=4) for line in said.splitlines() if "%" in line]
    assert table == [
        ["glasses", "2", "1", "50%", "1 x damaged photo"],
        ["none", "2", "2", "0%"],
    ]


def csv_of(project: Any, text: str) -> str:
    path = project.root.parent / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_an_imported_seed_says_what_it_is_for_and_leads_to_a_new_batch(
    seed: Any, capsys: Any, tmp_path: Path
) -> None:
    rows = list(seed.truth().items())[:18]  # the other six are left over
    path = tmp_path / "old.csv"
    path.write_text("face_id,label\n" + "".join(f"{one},{label}\n" for one, label in rows))
    code, said = run(capsys, "import", str(path), "--as", "archive")
    assert code == 0 and "- these labels are the seed" in said
    assert "faceloop next --batch NAME" in said and said.strip().endswith("then: dvc repro")
    seed.repro()
    last = run(capsys, "status")[1].splitlines()[-1]
    assert last.startswith("next     faceloop next --batch NAME, to pick faces of a new batch")
    assert "or, to label more of pool: faceloop next" in last
    add_photos(seed, "more")
    assert run(capsys, "next", "--batch", "more")[0] == 0


def test_an_import_into_a_queue_that_was_picked_is_no_seed(
    seed: Any, capsys: Any, tmp_path: Path
) -> None:
    run(capsys, "next")
    seed.vote_truly(SEED)
    queued = pd.read_csv(seed.queue(SEED), dtype=str)["face_id"]
    (face, label), *_ = [one for one in seed.truth().items() if one[0] not in set(queued)]
    path = tmp_path / "more.csv"
    path.write_text(f"face_id,label\n{face},{label}\n")
    said = run(capsys, "import", str(path), "--as", "ana")[1]
    assert "1 faces new to the queue" in said and "seed" not in said


def test_a_csv_by_face_joins_the_queue(seed: Any, capsys: Any) -> None:
    path = csv_of(seed, f"label,face_id\nglasses,{ids_of(seed)[4]}\nunsure,{ids_of(seed)[2]}\n")
    code, said = run(capsys, "import", path, "--as", "ana")
    assert code == 0 and "2 labels by ana, 2 faces new" in said
    queue = pd.read_csv(seed.queue(SEED), dtype=str)
    assert queue["face_id"].tolist() == [ids_of(seed)[2], ids_of(seed)[4]]


def test_a_csv_by_source_and_box_finds_the_face(project: Any, capsys: Any) -> None:
    ids = project.add_batch("pool", photos=3, per_photo=2)
    text = "source,x0,y0,x1,y1,label\n001.jpg,112,22,171,92,glasses\n002.jpg,10,20,70,90,none\n"
    code, _ = run(capsys, "import", csv_of(project, text), "--as", "ana")
    assert code == 0
    votes = pd.read_csv("labels/o00-i00/ana.csv", dtype=str)
    assert dict(zip(votes["face_id"], votes["label"], strict=True)) == {
        ids[3]: "glasses",
        ids[4]: "none",
    }


def test_a_csv_by_source_alone_is_about_its_only_face(seed: Any, capsys: Any) -> None:
    path = csv_of(seed, "source,label\n007.jpg,sunglasses\n")
    assert run(capsys, "import", path, "--as", "ana")[0] == 0
    assert f"{ids_of(seed)[7]},sunglasses" in Path("labels/o00-i00/ana.csv").read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("face_id,label\n{0},monocle\n", ["mine.csv:2: unknown class 'monocle'", "not_a_face"]),
        ("face_id,label\n{0},none\nzz,none\n", ["mine.csv:3: unknown face 'zz'"]),
        ("face_id,label\n{0},none\n{0},glasses\n", ["mine.csv:3", "mine.csv:2; keep the right"]),
        ("source,label\nnone.jpg,none\n", ["mine.csv:2: unknown face 'none.jpg'"]),
        ("source,x0,y0,x1,y1,label\n001.jpg,500,0,560,70,none\n", ["mine.csv:2: unknown face"]),
        ("source,x0,y0,x1,y1,label\n001.jpg,a,0,560,70,none\n", ["must be numbers"]),
        ("label\nnone\n", ["'source' is missing"]),
        ("face_id\n{0}\n", ["'label' is missing"]),
        ("face_id,label\n", ["no label found"]),
    ],
)
def test_a_wrong_import_writes_nothing(seed: Any, capsys: Any, text: str, words: list[str]) -> None:
    path = csv_of(seed, text.format(ids_of(seed)[0]))
    said = refused(seed, capsys, "import", path, "--as", "ana")
    for word in words:
        assert word in said


def test_a_face_labelled_in_an_earlier_round_is_not_imported_again(voted: Any, capsys: Any) -> None:
    path = csv_of(voted, f"face_id,label\n{voted.ids[60]},none\n{voted.ids[0]},none\n")
    said = refused(voted, capsys, "import", path, "--as", "eva")
    assert f"mine.csv:3: face {voted.ids[0]} was labelled in o00-i00; correct it there" in said


def test_a_label_that_contradicts_ones_own_is_refused(voted: Any, capsys: Any) -> None:
    face = voted.ids[20]
    other = next(name for name in voted.get("classes") if name != voted.truth()[face])
    path = csv_of(voted, f"face_id,label\n{face},{other}\n")
    assert "correct the file by hand" in refused(voted, capsys, "import", path, "--as", "ana")
    assert run(capsys, "import", path, "--as", "eva")[0] == 0


def test_a_folder_that_is_no_class_is_refused(seed: Any, capsys: Any) -> None:
    (seed.root / "sorted/goggles").mkdir(parents=True)
    (seed.root / f"sorted/goggles/{ids_of(seed)[0]}.jpg").write_bytes(b"x")
    said = refused(seed, capsys, "import", "sorted", "--as", "ana")
    assert "unknown class 'goggles'; allowed: none, glasses, sunglasses, unsure" in said


def test_a_name_that_is_none_is_refused(seed: Any, capsys: Any) -> None:
    path = csv_of(seed, f"face_id,label\n{ids_of(seed)[0]},none\n")
    assert "cannot be an annotator's name" in refused(seed, capsys, "import", path, "--as", "a b")


@pytest.mark.parametrize(
    "words", [["import", "no.csv", "--as", "ana"], ["vote", "--truth", "no.csv"]]
)
def test_a_file_that_is_not_there_is_named(seed: Any, capsys: Any, words: list[str]) -> None:
    run(capsys, "next")
    assert "no.csv" in refused(seed, capsys, *words)


def test_a_row_that_lacks_its_face_is_named(seed: Any, capsys: Any) -> None:
    path = csv_of(seed, f"label,face_id\nnone,{ids_of(seed)[0]}\nnone\n")
    assert "mine.csv:3" in refused(seed, capsys, "import", path, "--as", "ana")


# vote


def truth_of(project: Any, ids: list[str]) -> str:
    faces, labels = read_batch("pool").set_index("face_id"), project.truth()
    lines = [
        ",".join([faces.loc[one, "source"], "", *map(str, faces.loc[one, BOX]), labels[one]])
        for one in ids
    ]
    return csv_of(project, "\n".join(["source,frame,x0,y0,x1,y1,label", *lines, ""]))


def test_vote_answers_the_queue_by_box(seed: Any, capsys: Any) -> None:
    run(capsys, "next")
    queue = pd.read_csv(seed.queue(SEED))["face_id"].tolist()
    code, said = run(capsys, "vote", "--truth", truth_of(seed, queue[2:]))
    assert code == 0 and said.strip().endswith("then: dvc repro")
    votes = pd.read_csv("labels/o00-i00/truth.csv", dtype=str, keep_default_na=False)
    expected = {one: seed.truth()[one] for one in queue} | dict.fromkeys(queue[:2], "not_a_face")
    assert dict(zip(votes["face_id"], votes["label"], strict=True)) == expected
    assert set(votes["mode"]) == {"truth"}


def test_vote_only_takes_names_that_nobody_takes_for_a_person(seed: Any, capsys: Any) -> None:
    run(capsys, "next")
    path = truth_of(seed, ids_of(seed))
    assert "truth" in refused(seed, capsys, "vote", "--truth", path, "--as", "ana")
    assert run(capsys, "vote", "--truth", path, "--as", "truth-2")[0] == 0
    assert Path("labels/o00-i00/truth-2.csv").is_file()


def test_vote_needs_an_open_queue_and_known_classes(seed: Any, capsys: Any) -> None:
    path = truth_of(seed, ids_of(seed))
    assert "has no queue yet: run 'faceloop next'" in refused(seed, capsys, "vote", "--truth", path)
    run(capsys, "next")
    bad = csv_of(seed, "source,label\n001.jpg,monocle\n")
    said = refused(seed, capsys, "vote", "--truth", bad)
    assert "mine.csv:2: unknown class 'monocle'" in said


# start


@pytest.fixture
def demo(second_round: Any) -> Any:
    """A voted demo, as the repository ships it."""
    shutil.copy("data/faces/pool.zip", "data/raw/demo.truth.csv")
    Path("data/raw/demo").mkdir()
    Path("data/raw/demo/1.jpg").write_bytes(b"x")
    Path("dvc.lock").write_text("schema: '2.0'\n")
    for name in (SEED, FIRST):
        Path(f"labels/{name}/ana.csv").rename(f"labels/{name}/truth.csv")
    second_round.set({"batches": ["demo"]})
    return second_round


def test_start_takes_the_demo_away(demo: Any, capsys: Any) -> None:
    code, said = run(capsys, "start", "--classes", "young", "old", "NA")
    assert code == 0 and "faceloop next --batch NAME" in said
    assert demo.get("classes") == ["young", "old", "NA"] and demo.get("batches") == []
    rounds = {"accepted": "prior", "candidate": SEED, "rejected": [], "without_gain": 0}
    assert demo.get("rounds") == rounds
    assert [name for name in demo.snapshot() if not name.startswith("params")] == []
    assert run(capsys, "status")[0] == 0
    assert "# what people choose from" in demo.params.read_text()


def test_start_may_be_corrected_until_there_is_a_batch(demo: Any, capsys: Any) -> None:
    assert run(capsys, "start", "--classes", "yuong", "old")[0] == 0
    assert run(capsys, "start", "--classes", "yes", "no")[0] == 0
    assert demo.get("classes") == ["yes", "no"] and run(capsys, "status")[0] == 0
    demo.set({"batches": ["march"]})
    said = refused(demo, capsys, "start", "--classes", "a", "b")
    assert "project of its own already" in said and "change them in params.yaml" in said


def test_start_never_deletes_a_persons_labels(demo: Any, capsys: Any) -> None:
    Path("labels/o00-i00/truth.csv").rename("labels/o00-i00/eva.csv")
    said = refused(demo, capsys, "start", "--classes", "young", "old")
    assert "labels/o00-i00/eva.csv holds a person's labels" in said


@pytest.mark.parametrize("classes", [["one"], ["a", "a"], ["a", "unsure"], ["a", "b/c"], ["", "b"]])
def test_start_with_a_bad_class_leaves_all_as_it_was(
    demo: Any, capsys: Any, classes: list[str]
) -> None:
    before = demo.snapshot()
    code, said = run(capsys, "start", "--classes", *classes)
    after = {name: one for name, one in demo.snapshot().items() if not name.endswith(".partial")}
    assert (code, after) == (2, before) and "classes" in said


# several people


@pytest.fixture
def dealt(seed: Any, capsys: Any) -> Any:
    """A seed queue dealt out to ana and ben: all of its validation set to both."""
    seed.set({"label.annotators": ["ana", "ben"], "label.overlap": 0.25})
    assert run(capsys, "next")[0] == 0
    seed.table = pd.read_csv(seed.queue(SEED), dtype=str, keep_default_na=False)
    return seed


def answer_as(project: Any, name: str, count: int | None = None) -> list[str]:
    """Vote as one person is asked; return the faces."""
    asked = project.table[[name in names.split() for names in project.table["annotators"]]]
    faces = asked["face_id"].tolist()[:count]
    project.add_votes(SEED, name, {one: project.truth()[one] for one in faces})
    return faces


def test_next_deals_the_queue_out(dealt: Any) -> None:
    people = dealt.table.groupby("purpose")["annotators"].agg(
        lambda names: sorted(names.str.count(" ") + 1)
    )
    assert people["validation"] == [2] * 6 and people["train"] == [1] * 6 + [2] * 2
    assert set(dealt.table["annotators"]) == {"ana", "ben", "ana ben"}


def test_next_deals_nothing_out_without_names(seed: Any, capsys: Any) -> None:
    run(capsys, "next")
    table = pd.read_csv(seed.queue(SEED), dtype=str, keep_default_na=False)
    assert set(table["annotators"]) == {""}


def test_status_tells_what_everybody_has_left(dealt: Any, capsys: Any) -> None:
    assert "- left: ana 11, ben 11" in run(capsys, "status")[1]
    answer_as(dealt, "ana")
    said = run(capsys, "status")[1]
    assert "3 of 14 faces answered" in said and "- left: ana 0, ben 11" in said


def test_a_face_counts_when_both_have_voted_here_and_in_the_verdict(
    dealt: Any, capsys: Any
) -> None:
    answer_as(dealt, "ana")
    answer_as(dealt, "ben", count=10)
    assert "1 of 14 faces of o00-i00 lack a vote" in refused(dealt, capsys, "next")
    dealt.repro()
    gate = json.loads(Path("metrics/gate.json").read_text())
    assert (gate["answered"], gate["queued"], gate["verdict"]) == (13, 14, "undecided")
    assert "13 of 14 faces answered" in run(capsys, "status")[1]
    answer_as(dealt, "ben")
    said = run(capsys, "status")[1]
    assert "14 of 14" in said and "- left" not in said and said.strip().endswith("dvc repro")


def test_annotators_named_after_next_are_told_and_the_queue_is_dealt_anew(
    seed: Any, capsys: Any
) -> None:
    run(capsys, "next")
    before = pd.read_csv(seed.queue(SEED), dtype=str, keep_default_na=False)
    faces = before["face_id"].tolist()
    seed.add_votes(SEED, "ana", {one: seed.truth()[one] for one in faces[:6]})
    votes = Path(f"labels/{SEED}/ana.csv").read_bytes()
    seed.set({"label.annotators": ["ana", "ben"], "label.overlap": 0.0})
    said = run(capsys, "status")[1]
    assert "not dealt out as params.yaml says now (ana, ben)" in said
    assert "next     faceloop next --deal" in said
    code, said = run(capsys, "next", "--deal")
    assert code == 0 and "is dealt out anew; left: ana " in said
    after = pd.read_csv(seed.queue(SEED), dtype=str, keep_default_na=False)
    assert after.drop(columns="annotators").equals(before.drop(columns="annotators"))
    names = dict(zip(after["face_id"], after["annotators"].str.split(), strict=True))
    assert all("ana" in names[one] for one in faces[:6])
    loads = Counter(name for team in names.values() for name in team)
    assert abs(loads["ana"] - loads["ben"]) <= 1
    assert Path(f"labels/{SEED}/ana.csv").read_bytes() == votes
    said = run(capsys, "status")[1]
    assert "--deal" not in said and "not dealt out" not in said


def test_another_overlap_and_another_person_are_told_too(dealt: Any, capsys: Any) -> None:
    assert "--deal" not in run(capsys, "status")[1]
    dealt.set({"label.overlap": 1.0})
    assert "--deal" in run(capsys, "status")[1]
    dealt.set({"label.overlap": 0.25, "label.annotators": ["ana", "ben", "eva"]})
    assert "--deal" in run(capsys, "status")[1]
    run(capsys, "next", "--deal")
    said = run(capsys, "status")[1]
    assert "--deal" not in said and "eva" in said
    dealt.set({"label.annotators": ["ana"]})  # one person: nobody is asked by name
    assert run(capsys, "next", "--deal")[0] == 0
    assert set(pd.read_csv(dealt.queue(SEED), keep_default_na=False)["annotators"]) == {""}


def test_a_draft_keeps_its_faces_when_the_queue_is_dealt_anew(seed: Any, capsys: Any) -> None:
    run(capsys, "next")
    faces = pd.read_csv(seed.queue(SEED), dtype=str)["face_id"].tolist()
    answers = [Answer(face_id=one, label="none", seconds=1) for one in faces[:5]]
    for name in ("ben", "zoe"):  # zoe is not asked any more
        with Draft(SEED, name) as draft:
            draft.append([Action(action="all", answers=answers)])
    seed.set(
        {"label.annotators": ["ana", "ben"], "label.overlap": 0, "label.validation_overlap": 0}
    )
    run(capsys, "next", "--deal")
    table = pd.read_csv(seed.queue(SEED), dtype=str).set_index("face_id")["annotators"]
    assert set(table[faces[:5]]) == {"ben zoe"}


def test_a_name_that_nobody_has_gets_a_question(dealt: Any, seed: Any, capsys: Any) -> None:
    said = refused(dealt, capsys, "label", "--as", "anna")
    assert "--as anna: is ana meant?" in said and "was dealt out to ana, ben" in said
    dealt.set({"label.annotators": ["ana"]})
    run(capsys, "next", "--deal")
    said = refused(dealt, capsys, "label", "--as", "zoe")
    assert "--as zoe: who is that? label.annotators in params.yaml names ana" in said
    assert not Path(f".work/labels/{SEED}/zoe.jsonl").exists()


def test_a_truth_table_answers_what_was_dealt_out(dealt: Any, capsys: Any) -> None:
    path = truth_of(dealt, dealt.table["face_id"].tolist())
    assert run(capsys, "vote", "--truth", path)[0] == 0
    assert "14 of 14 faces answered" in run(capsys, "status")[1]


def test_a_second_vote_and_an_adjudication_make_the_verdict_old(voted: Any, capsys: Any) -> None:
    face = voted.ids[20]
    voted.add_votes(FIRST, "ben", {face: "not_a_face"})
    said = run(capsys, "status")[1]
    assert "people disagree on 1 face: faceloop adjudicate --as NAME" in said
    assert said.strip().endswith("dvc repro")
    voted.repro()
    judge(voted, "continue")
    line = f"{face},none,carl,2026-11-23T12:00:00+00:00,\n"
    Path(f"labels/{FIRST}/adjudication.csv").write_text(
        f"face_id,label,adjudicator,labelled_at,note\n{line}"
    )
    said = run(capsys, "status")[1]
    assert "people disagree" not in said and said.strip().endswith("dvc repro")


def test_next_steps_over_a_conflict_when_told_to(voted: Any, capsys: Any) -> None:
    voted.add_votes(FIRST, "ben", {voted.ids[20]: "not_a_face"})
    voted.repro()
    judge(voted, "continue")
    assert "people disagree on 1 face, and nobody has settled" in refused(voted, capsys, "next")
    assert run(capsys, "next", "--anyway")[0] == 0 and voted.queue(SECOND).is_file()


def test_a_queue_of_an_older_round_is_anyones(voted: Any, capsys: Any) -> None:
    path = voted.queue(FIRST)
    pd.read_csv(path, dtype=str).drop(columns="annotators").to_csv(path, index=False)
    assert "24 of 24 faces answered" in run(capsys, "status")[1]


def test_a_queue_with_a_name_that_is_none_is_refused(dealt: Any, capsys: Any) -> None:
    path = dealt.queue(SEED)
    path.write_text(path.read_text().replace("ana ben", "ana; ben", 1))
    assert "'ana;' cannot be an annotator's name" in refused(dealt, capsys, "status")
