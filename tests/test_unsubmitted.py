"""Nothing that people did is invisible: answers not submitted, and conflicts not settled."""

from pathlib import Path
from typing import Any

import pytest

from faceloop.commands.cli import main
from faceloop.commands.rounds.drafts import Action, Answer, Draft, draft_path
from faceloop.commands.rounds.state import read_state

SEED, FIRST, CLASSES = "o00-i00", "o01-i00", ["none", "glasses", "sunglasses"]


def run(capsys: Any, *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out + said.err


def answer(title: str, name: str, labels: dict[str, str]) -> None:
    """Write answers as the page would, one action each."""
    said = [Answer(face_id=face, label=label, seconds=1) for face, label in labels.items()]
    with Draft(title, name) as draft:
        draft.append([Action(action=f"{name}-{one.face_id}", answers=[one]) for one in said])


def truth(project: Any, faces: list[str], turn: int = 0) -> dict[str, str]:
    """Return the faces' true labels, or others."""
    labels = project.truth()
    return {one: CLASSES[(CLASSES.index(labels[one]) + turn) % 3] for one in faces}


def queued(project: Any, name: str) -> list[str]:
    return [line.split(",")[0] for line in project.queue(name).read_text().splitlines()[1:]]


@pytest.fixture
def open_seed(project: Any) -> Any:
    """A seed round of 12 faces that nobody answered."""
    ids = project.add_batch("pool", photos=12)
    project.add_queue(SEED, ids)
    project.ids = ids
    return project


def test_status_and_next_name_a_draft_with_its_command(open_seed: Any, capsys: Any) -> None:
    answer(SEED, "ana", truth(open_seed, open_seed.ids[:5]))
    said = run(capsys, "status")[1]
    assert "draft    5 answers of o00-i00 by ana, not submitted: faceloop submit --as ana" in said
    code, said = run(capsys, "next")
    assert code == 2 and "12 of 12 faces of o00-i00 lack a vote" in said
    assert "submit what is answered: faceloop submit --as ana (5 answers of o00-i00)" in said
    assert run(capsys, "submit", "--as", "ana")[0] == 0
    assert "draft" not in run(capsys, "status")[1]


def test_what_was_submitted_taken_back_or_is_of_no_queue_is_not_named(
    open_seed: Any, capsys: Any
) -> None:
    one, two = open_seed.ids[:2]
    open_seed.add_votes(SEED, "ana", truth(open_seed, [one]))
    answer(SEED, "ana", truth(open_seed, [one, two]) | {"f" * 16: "none"})
    with Draft(SEED, "ana") as draft:
        draft.append([Action(action="back", undoes=f"ana-{two}")])
    answer("o07-i00", "ana", truth(open_seed, [two]))
    assert read_state().unsubmitted == []


def test_checks_and_decisions_are_named_too(second_round: Any, capsys: Any) -> None:
    faces = queued(second_round, FIRST)
    second_round.add_votes(FIRST, "ben", truth(second_round, faces[:3], turn=1))
    answer("check", "eva", truth(second_round, faces[5:9]))
    answer("adjudication", "carl", truth(second_round, faces[:2]))
    # Nobody disagrees on this face: submit would pass the decision over.
    answer("adjudication", "dora", truth(second_round, faces[4:5]))
    code, said = run(capsys, "next")
    assert (
        code == 2
        and (
            "submit what is answered: faceloop submit --as carl (2 answers of adjudication); "
            "faceloop submit --as eva (4 answers of a check)"
        )
        in said
    )
    for name in ("carl", "eva"):
        assert run(capsys, "submit", "--as", name)[0] == 0
    assert read_state().unsubmitted == []


def test_answers_of_a_round_that_is_over_can_still_be_submitted(
    second_round: Any, capsys: Any
) -> None:
    faces = queued(second_round, SEED)[:4]
    answer(SEED, "ben", truth(second_round, faces))
    assert "draft    4 answers of o00-i00 by ben" in run(capsys, "status")[1]
    code, said = run(capsys, "submit", "--as", "ben")
    assert code == 0 and "4 votes by ben in labels/o00-i00/ben.csv" in said
    # What was corrected in the file since is not asked for again.
    path = Path("labels") / SEED / "ben.csv"
    corrected = path.read_text().replace(",glasses,", ",unsure,")
    path.write_text(corrected)
    answer(FIRST, "ben", truth(second_round, queued(second_round, FIRST)[:1]))
    assert run(capsys, "submit", "--as", "ben")[0] == 0
    assert path.read_text() == corrected


def test_a_damaged_draft_is_told_with_its_line(open_seed: Any, capsys: Any) -> None:
    answer(SEED, "ana", truth(open_seed, open_seed.ids[:1]))
    with draft_path(SEED, "ana").open("a") as file:
        file.write("{}\n")
    code, said = run(capsys, "status")
    assert code == 2 and "ana.jsonl:2: this line is no answer" in said


def test_the_end_of_labelling_says_what_waits(open_seed: Any, capsys: Any) -> None:
    from faceloop.commands.labelling.label import tell_end
    from faceloop.commands.labelling.page.session import Session

    answer(SEED, "ana", truth(open_seed, open_seed.ids[:3]))
    state = read_state()
    sittings = {name: Session(state.settings, state.queue, name) for name in ("ana", "ben")}
    tell_end(sittings)
    said = capsys.readouterr().out
    assert "label: ana answered 3 of 12 faces of o00-i00" in said
    assert "then: submit what is answered: faceloop submit --as ana (3 answers of o00-i00)" in said
    assert "--as ben" not in said


# Conflicts come first


def test_next_waits_for_conflicts_or_for_a_word(second_round: Any, capsys: Any) -> None:
    faces = queued(second_round, FIRST)
    second_round.add_votes(FIRST, "ben", truth(second_round, faces[:3], turn=1))
    second_round.repro()
    for words in (["next"], ["next", "--batch", "more"]):
        code, said = run(capsys, *words)
        assert code == 2 and "people disagree on 3 faces, and nobody has settled that" in said
        assert "faceloop adjudicate --as NAME" in said and "--anyway" in said
    assert not second_round.queue("o01-i01").exists()
    assert "lack a vote" not in said


def test_import_and_submit_lead_to_the_conflicts_that_they_make(
    open_seed: Any, tmp_path: Path, capsys: Any
) -> None:
    ids = open_seed.ids
    open_seed.vote_truly(SEED)
    answer(SEED, "ben", truth(open_seed, ids[:2], turn=1))
    code, said = run(capsys, "submit", "--as", "ben")
    assert code == 0
    assert "then: settle what people disagree on (2 faces): faceloop adjudicate --as NAME" in said
    rows = "".join(f"{one},{label}\n" for one, label in truth(open_seed, ids[3:4], 1).items())
    (tmp_path / "more.csv").write_text("face_id,label\n" + rows)
    code, said = run(capsys, "import", str(tmp_path / "more.csv"), "--as", "eva")
    assert code == 0 and "then: settle what people disagree on (3 faces)" in said
