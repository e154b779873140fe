"""The labelled faces of a round, and the copies among a batch's faces: columns and places."""

# One row is a face that somebody voted on; split is train, overfit, validation or unused. Purpose,
# cluster (its stratum, where it was drawn at random) and inclusion_probability (blank unless drawn
# at random) are those it was first asked with.
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
