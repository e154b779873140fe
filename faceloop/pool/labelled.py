"""The labelled faces of a round, a batch's copies and its jury: columns."""

# One row is a face that somebody voted on; split is train, overfit, validation or unused. Purpose,
# cluster (of faces drawn at random in older rounds: their stratum) and inclusion_probability
# (blank unless drawn at random) are those it was first asked with.
LABELLED = {
    "face_id": "str",
    "batch": "str",
    "round": "str",
    "group": "str",
    "purpose": "str",
    "cluster": "Int64",
    "inclusion_probability": "float64",
    "split": "str",
    "label": "str",
    "confidence": "float64",
    "votes": "int64",
    "agreement": "float64",
}
# One row is a face that nearly repeats an earlier one of its batch: what link_duplicates found.
DUPLICATES = {"face_id": "str", "duplicate_of": "str", "similarity": "float64"}
# One row is a face, in its table's order: the lot of its photo or track (-1 where faces are picked
# from it), and the stratum that it was dealt by.
JURY = {"lot": "int32", "stratum": "int32"}
