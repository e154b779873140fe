"""What a release is made of: one round's faces, votes, model and figures, read from the project."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from faceloop.balance.batch_faces import chance_weights
from faceloop.balance.known_sources import read_sources
from faceloop.base.errors import FaceloopError
from faceloop.base.rounds import PRIOR, rounds_up_to
from faceloop.base.storage import LABELLED_DIR, METRICS_DIR, read_csv
from faceloop.base.tables import FACE
from faceloop.commands.repository.git import ask_git
from faceloop.commands.rounds.next_round import require_fresh
from faceloop.commands.rounds.state import read_state
from faceloop.commands.settings import Settings
from faceloop.crops.boxes import BOX
from faceloop.crops.face_table import read_faces
from faceloop.evaluation.evaluation_figures import Comparison, IterationFigures
from faceloop.gate.gate_figures import GateFigures
from faceloop.labels.adjudication_files import RoundTables
from faceloop.labels.merging import what_stands
from faceloop.labels.vote_files import known_rounds
from faceloop.model.head import Head, class_codes, p_columns, predict
from faceloop.model.head_files import MODELS_DIR, read_head
from faceloop.pool.features import read_features
from faceloop.pool.labelled import LABELLED
from faceloop.statistics.figure_files import read_record


@dataclass(frozen=True)
class Contents:
    """All that the writers and the cards draw on.

    Attributes:
        settings: of params.yaml.
        round: the round released; role: whether it is the gate's candidate or accepted one.
        faces: labelled faces of rounds that were not rejected: LABELLED, where each was found,
            and why it was asked.
        left_out: labelled faces of rejected rounds.
        votes: all votes of the rounds released: CAST_VOTES and batch.
        gate, overfit, iteration: the figures in metrics/.
        head: the model.
        drawn: faces drawn at random and held out: truth, predicted (indices into the classes),
            confidence, each class's p_, weight (mean 1), group, batch, source.
        commit: hash and date of the commit that all this is in; None where it is in none.
    """

    settings: Settings
    round: str
    role: str
    faces: pd.DataFrame
    left_out: int
    votes: pd.DataFrame
    gate: GateFigures
    overfit: Comparison
    iteration: IterationFigures
    head: Head
    drawn: pd.DataFrame
    commit: tuple[str, str] | None

    @property
    def key(self) -> str:
        """A digest of the faces: chance made from it cannot be replayed by who lacks them."""
        return hashlib.sha256("".join(sorted(self.faces["face_id"])).encode()).hexdigest()


def read_contents() -> Contents:
    """Read what can be released: the candidate, or the accepted round where that was rejected.

    Raises:
        FaceloopError: the pipeline is stale, or nothing is labelled yet.
    """
    state = read_state()
    require_fresh(state)
    if state.gate is None or state.queue.empty:
        raise FaceloopError("no labelled round to release yet: 'faceloop status' tells what is due")
    settings, role = state.settings, "accepted" if state.gate.rejected else "candidate"
    name = getattr(settings.rounds, role)
    if name == PRIOR:
        raise FaceloopError("the only labelled round was rejected: nothing can be released")
    labelled = read_csv(LABELLED_DIR / f"{name}.csv", LABELLED)
    kept = labelled[~labelled["round"].isin(settings.rounds.rejected)]
    if not kept["label"].isin(settings.classes).any():
        raise FaceloopError("no face has a class yet: 'faceloop status' tells what is due")
    head = read_head(MODELS_DIR / f"{name}.safetensors")
    rounds = rounds_up_to(name, known_rounds(settings.rounds))
    said = RoundTables(*(table[table["round"].isin(rounds)] for table in state.said))
    faces = _found_and_asked(kept, said, settings)
    return Contents(
        settings=settings,
        round=name,
        role=role,
        faces=faces,
        left_out=len(labelled) - len(kept),
        votes=said.votes[~said.votes["round"].isin(settings.rounds.rejected)],
        gate=state.gate,
        overfit=read_record(Comparison, METRICS_DIR / "overfit.json"),
        iteration=read_record(IterationFigures, METRICS_DIR / "iteration.json"),
        head=head,
        drawn=_held_out_draws(faces, name, head, settings),
        commit=clean_commit(),
    )


def _found_and_asked(labelled: pd.DataFrame, said: RoundTables, settings: Settings) -> pd.DataFrame:
    """Return labelled faces with source, frame, time and box, and the reason they were asked."""
    found = read_faces(settings.batches)
    asked = what_stands(*said, found, settings).asked
    asked = asked.drop_duplicates(["round", *FACE])[["round", *FACE, "reason"]]
    where = found[[*FACE, "source", "frame", "time_s", *BOX]]
    faces = labelled.merge(where, on=FACE, how="left").merge(asked, on=["round", *FACE], how="left")
    return faces.sort_values("face_id", ignore_index=True)


def _held_out_draws(
    faces: pd.DataFrame, round_name: str, head: Head, settings: Settings
) -> pd.DataFrame:
    """Return faces drawn at random, each judged by a model that did not see its photo or track.

    That is the head itself for faces outside training; for those that joined it, the heads of the
    cross-validation.
    """
    asked = faces["inclusion_probability"].notna() & faces["label"].isin(settings.classes)
    outside = faces[asked & (faces["split"] != "train")].reset_index(drop=True)
    features = read_features(outside, settings.batches)
    p = pd.DataFrame(predict(head, features), columns=p_columns(settings.classes))
    folds = pd.read_parquet(MODELS_DIR / f"{round_name}.out_of_fold.parquet").drop(columns="label")
    inside = faces[asked & (faces["split"] == "train")].merge(folds, on=FACE)
    drawn = pd.concat([pd.concat([outside, p], axis=1), inside], ignore_index=True)
    drawn = drawn.sort_values("face_id", ignore_index=True)
    columns = p_columns(settings.classes)
    chances = drawn[columns].to_numpy(dtype=float)
    return drawn[["batch", "source", "group", *columns]].assign(
        truth=class_codes(drawn["label"], settings.classes),
        predicted=chances.argmax(axis=1),
        confidence=chances.max(axis=1),
        weight=chance_weights(drawn),
    )


def kinds_of_source(faces: pd.DataFrame, batches: Sequence[str]) -> pd.DataFrame:
    """Return what people know of each face's source: a row a face, their own columns.

    It stands in `data/sources/<batch>.csv`, where there is one; "" is what nobody knows.

    Args:
        faces: columns batch and source.
        batches: of the project.
    """
    known = pd.concat([read_sources(batch).assign(batch=batch) for batch in batches])
    kinds = faces[["batch", "source"]].merge(known, on=["batch", "source"], how="left")
    return kinds.drop(columns=["batch", "source"]).fillna("")


def clean_commit() -> tuple[str, str] | None:
    """Return the hash and date of the commit that the working folder is, or None if it is none."""
    if ask_git("status", "--porcelain") != b"":
        return None
    shown = ask_git("log", "-1", "--format=%H %cs")
    if not shown:
        return None
    commit, date = shown.decode().split()
    return commit, date
