"""What people say: the columns of votes and adjudications, and the answers beside the classes."""

from faceloop.pool.queue import QUEUE

UNSURE = "unsure"
NOT_A_FACE = "not_a_face"
UNRESOLVED = "unresolved"
# One row is what one person said of one face.
VOTES = {
    "face_id": "str",
    "label": "str",
    "labelled_at": "str",
    "seconds": "float64",
    "mode": "str",
}
# The same, of several rounds and people.
QUEUED = {**QUEUE, "round": "str"}
CAST_VOTES = {**VOTES, "annotator": "str", "round": "str"}
REQUIRED_OF_A_VOTE = ("face_id", "label")
# One row is how one person settled what others disagree on; the latest row of a face counts.
ADJUDICATIONS = {
    "face_id": "str",
    "label": "str",
    "adjudicator": "str",
    "labelled_at": "str",
    "note": "str",
}
ROUND_ADJUDICATIONS = {**ADJUDICATIONS, "round": "str"}
