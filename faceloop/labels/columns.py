"""What people say: the columns of votes and adjudications, and the answers beside the classes.

In these tables `asked_id` is the id that a queue's row or a vote was written with, for good, and
`face_id` is the face that it is about now, "" where there is none. Under labels/ the first is the
column `face_id`: it gets its name when a file is read, and no other name after that.
"""

from faceloop.pool.queue import QUEUE

ASKED_AS = {"face_id": "asked_id"}

DAY_S = 86_400.0  # seconds; who was away longer over a face did not look at it
UNSURE = "unsure"
NOT_A_FACE = "not_a_face"
UNRESOLVED = "unresolved"
IMPORTED = "imported"  # the reason of a queue's row that no one picked: its label came with it
# One row is a face that people are asked about.
ASKED = {ASKED_AS.get(name, name): kind for name, kind in QUEUE.items()}
# One row is what one person said of one face.
VOTES = {
    "asked_id": "str",
    "label": "str",
    "labelled_at": "str",
    "seconds": "float64",
    "mode": "str",
    "note": "str",
}
# The same, of several rounds and people.
QUEUED = {**ASKED, "round": "str"}
CAST_VOTES = {**VOTES, "annotator": "str", "round": "str"}
REQUIRED_OF_A_VOTE = ("face_id", "label")
# One row is how one person settled what others disagree on; the latest row of a face counts.
ADJUDICATIONS = {
    "asked_id": "str",
    "label": "str",
    "adjudicator": "str",
    "labelled_at": "str",
    "note": "str",
}
ROUND_ADJUDICATIONS = {**ADJUDICATIONS, "round": "str"}
