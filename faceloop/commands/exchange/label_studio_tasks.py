"""What Label Studio is given: tasks, pictures and a labelling interface with the page's keys."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from faceloop.commands.exchange.folders import write_files
from faceloop.statistics.figure_files import write_json

README = """\
Label Studio: create a project; Settings > Labeling Interface > Code: paste config.xml; then
Import tasks.json. One project a round. When everybody is done: Export > JSON (not JSON-MIN, not
CSV: both leave out what was skipped), then faceloop import THAT-FILE.
"""
FILES_README = """\
Pictures are files here. Start Label Studio with
  LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true
  LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={root}
and in the project's Settings > Cloud Storage add a source storage "Local files" with the path
  {root}/{name}/images
Do not sync it: tasks.json has the tasks. This folder must keep its name.
"""
Prediction = tuple[str, float]  # a class and its probability


def write_label_studio(
    folder: Path,
    crops: Mapping[str, bytes],
    labels: Sequence[dict[str, str]],
    embed: bool,
    predictions: Mapping[str, Prediction],
) -> str:
    """Write tasks.json, config.xml and README.txt, and pictures unless embedded; return what next.

    Args:
        crops: JPEG by face_id, in the order of the tasks.
        labels: what people choose from, with its key, as the page has them.
        predictions: by face_id; empty for blind labelling.
    """
    name = folder.resolve().name
    readme = README
    if not embed:
        write_files(folder / "images", crops)
        readme += "\n" + FILES_README.format(root=folder.resolve().parent, name=name)
    tasks = []
    for face_id, jpeg in crops.items():
        local = f"/data/local-files/?d={quote(name)}/images/{face_id}.jpg"
        task: dict[str, Any] = {
            "data": {"face_id": face_id, "image": data_uri(jpeg) if embed else local}
        }
        if face_id in predictions:
            task["predictions"] = [prediction_of(*predictions[face_id])]
        tasks.append(task)
    write_json(tasks, folder / "tasks.json")
    (folder / "config.xml").write_text(config_xml(labels), encoding="utf-8")
    (folder / "README.txt").write_text(readme, encoding="utf-8")
    return f"as {folder}/README.txt says; faceloop import EXPORT.json --as YOUR-NAME"


def data_uri(jpeg: bytes) -> str:
    """Return a picture as a URI that holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def config_xml(labels: Sequence[dict[str, str]]) -> str:
    """Return the labelling interface: the crop, and a choice per label with the page's key."""
    choices = "\n".join(
        f"    <Choice value={quoteattr(one['label'])}"
        + (f" hotkey={quoteattr(one['key'])}" if one["key"] else "")
        + "/>"
        for one in labels
    )
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        '  <Choices name="label" toName="image" choice="single" required="true" showInline="true">'
        f"\n{choices}\n  </Choices>\n</View>\n"
    )


def prediction_of(label: str, score: float) -> dict[str, Any]:
    """Return a prediction as Label Studio takes it."""
    choice = {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [label]},
    }
    return {"score": round(score, 6), "result": [choice]}
