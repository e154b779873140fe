"""The data card: a datasheet (Gebru et al. 2021, Datasheets for Datasets) filled from figures."""

import json
from collections.abc import Mapping

import pandas as pd

from faceloop.base.randomness import generator
from faceloop.commands.release.contents import Contents, kinds_of_source
from faceloop.commands.release.dataset import WITHOUT_CLASS
from faceloop.commands.release.held_out_figures import LEAST_FACES
from faceloop.commands.release.markdown import filled, table
from faceloop.labels.columns import NOT_A_FACE, UNRESOLVED, UNSURE

SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
LOADING = {
    "parquet": """import datasets, pandas
datasets.load_dataset("dataset")  # "without_class" besides, for the faces without a class
pandas.read_parquet("dataset/train.parquet")  # image is {"bytes": a JPEG, "path": its name}""",
    "folder": """import datasets, pandas
datasets.load_dataset("dataset")  # "without_class" besides, for the faces without a class
pandas.read_csv("dataset/train/metadata.csv", keep_default_na=False)  # file_name, answer, ...""",
}


def data_card(
    contents: Contents, parts: Mapping[str, pd.DataFrame], form: str, anonymous: bool, named: bool
) -> str:
    """Return README.md of the data set.

    Args:
        contents: what is released.
        parts: from `dataset.released_parts`.
        form: parquet or folder.
        anonymous: source paths are left out.
        named: annotators may be named.
    """
    faces, extraction = contents.faces, contents.settings.extract_faces
    sources = faces.drop_duplicates(["batch", "source"])
    videos = int(sources["frame"].notna().sum())
    people = int(contents.votes["annotator"].nunique())
    return filled(
        "data_card.md",
        contents,
        front_matter=_front_matter(contents, parts, form),
        n=len(faces),
        photos=_counted(len(sources) - videos, "photo"),
        videos=_counted(videos, "video"),
        people=_counted(people, "annotator"),
        parts=_parts(contents, parts),
        loading=LOADING[form],
        crop_px=extraction.crop_px,
        margin=f"{extraction.margin:.0%}",
        sources=_sources(faces),
        known_of_sources=_known_of_sources(contents),
        drawn=int(faces["inclusion_probability"].notna().sum()),
        min_face_px=extraction.min_face_px,
        min_probability=f"{extraction.min_probability:g}",
        left_out=contents.left_out,
        paths=_paths(anonymous),
        reasons=_reasons(faces),
        aggregation=contents.settings.merge_labels.aggregation,
        agreement=_agreement(faces),
        annotators=table(
            ["annotator", "votes", UNSURE, NOT_A_FACE, "agree with others", "of pairs"],
            annotator_rows(contents, named),
        ),
    )


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _front_matter(contents: Contents, parts: Mapping[str, pd.DataFrame], form: str) -> str:
    """Return the YAML that the Hugging Face hub and `datasets` read."""
    total = sum(len(rows) for rows in parts.values())
    size = next((name for limit, name in SIZES.items() if total < limit), "n>1M")
    tail = ".parquet" if form == "parquet" else "/**"
    name = json.dumps("Faces labelled " + ", ".join(contents.settings.classes))
    lines = ["---", f"pretty_name: {name}", "task_categories: [image-classification]"]
    lines += [f"size_categories: ['{size}']", "tags: [faces, active-learning]", "configs:"]
    lines += ["- config_name: default", "  default: true", "  data_files:"]
    for part in parts:
        if part == WITHOUT_CLASS:
            lines += [f"- config_name: {part}", "  data_files:"]
        lines += [f"  - {{split: {part}, path: '{part}{tail}'}}"]
    return "\n".join([*lines, "---"])


def _parts(contents: Contents, parts: Mapping[str, pd.DataFrame]) -> str:
    given = set(contents.faces["label"])
    answers = contents.settings.classes + [
        other for other in (UNSURE, NOT_A_FACE, UNRESOLVED) if other in given
    ]
    rows = [
        [part, *(int((some["answer"] == one).sum()) for one in answers), len(some)]
        for part, some in parts.items()
    ]
    return table(["part", *answers, "all"], rows)


def _sources(faces: pd.DataFrame) -> str:
    rows = []
    for batch, some in faces.groupby("batch", sort=True):
        videos = some.loc[some["frame"].notna(), "source"].nunique()
        sources, groups = some["source"].nunique(), some["group"].nunique()
        rows.append([batch, sources - videos, videos, groups, len(some)])
    return table(["batch", "photos", "videos", "groups", "labelled faces"], rows)


def _known_of_sources(contents: Contents) -> str:
    """Return how many faces are of which kind of source, as the user described the sources."""
    kinds = kinds_of_source(contents.faces, contents.settings.batches)
    rows = [
        [column, value, n]
        for column in kinds
        for value, n in kinds[column].value_counts().sort_index().items()
        if value != "" and n >= LEAST_FACES
    ]
    if not rows:
        return "Nothing more is known of them."
    found = table(["what", "value", "labelled faces"], rows)
    return f"{found}\n\nKinds of source with fewer than {LEAST_FACES} labelled faces are not shown."


def _paths(anonymous: bool) -> str:
    if anonymous:
        return (
            "Source paths are left out, and faces and groups carry new numbers. The pictures\n"
            "remain: who has a source can still find its faces."
        )
    return "Source paths are given; faces and groups are named by hashes of the sources' bytes."


def _reasons(faces: pd.DataFrame) -> str:
    counts = faces.fillna({"reason": ""}).groupby(["round", "purpose", "reason"], sort=True).size()
    rows = counts.reset_index().itertuples(index=False)
    return table(["round", "purpose", "reason", "faces"], rows)


def _agreement(faces: pd.DataFrame) -> str:
    several = faces["agreement"].dropna()
    if several.empty:
        return "Not known: no face has several votes."
    return f"{several.mean():.3f} of pairs of votes agree, over {len(several)} faces with several."


def annotator_rows(contents: Contents, named: bool) -> list[list[object]]:
    """Return each annotator's figures, in a mixed order and without names unless `named`.

    Columns: annotator, votes, shares of unsure and not_a_face, share of pairs of votes on one face
    in one round that agree with somebody else's (None without a pair), and how many pairs.
    """
    votes = contents.votes
    people = sorted(votes["annotator"].unique())
    if not named:
        rng = generator(contents.settings.seed, "annotators", contents.key)
        people = [people[at] for at in rng.permutation(len(people))]
    rows: list[list[object]] = []
    for number, name in enumerate(people, start=1):
        own, others = votes[votes["annotator"] == name], votes[votes["annotator"] != name]
        pairs = own.merge(others, on=["round", "asked_id"])
        shares = [f"{(own['label'] == one).mean():.3f}" for one in (UNSURE, NOT_A_FACE)]
        agree = f"{(pairs['label_x'] == pairs['label_y']).mean():.3f}" if len(pairs) else None
        rows.append(
            [name if named else f"annotator {number}", len(own), *shares, agree, len(pairs)]
        )
    return rows
