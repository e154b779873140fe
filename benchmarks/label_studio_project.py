"""A real Label Studio in a folder of its own, and two made-up people who label an export in it.

Makes tests/data/label_studio_* again, in three minutes, most of them the server's first start. It
brings 150 packages, so install it in an environment of its own:

    python -m venv ../label-studio && ../label-studio/bin/pip install label-studio==1.23.0
    python -m benchmarks.label_studio_project ../label-studio/bin/label-studio
"""

import http.cookiejar
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.label_project import ROOT, make_project
from faceloop.commands.cli import main as faceloop

FIXTURES = ROOT / "tests/data"
FACES, START_SECONDS = 8, 600
PASSWORD = "drawn-people-only"  # of a server that lives for a minute, on this machine alone
# What ana and ben say of the eight tasks, in their order: a choice, "skip", "draft" or nothing. An
# arrow is a second thought, "+" a second annotation beside the first.
SAY = {
    "ana": ["none", "glasses", "unsure", "not_a_face", "skip", "none > sunglasses", "none + none"],
    "ben": ["none", "none", "skip > glasses", "draft", "glasses + skip", "", "sunglasses"],
}
VOTES = {
    "ana": ["none", "glasses", "unsure", "not_a_face", None, "sunglasses", "none"],
    "ben": ["none", "none", "glasses", None, "glasses", None, "sunglasses"],
}


class Visitor:
    """Somebody signed up and logged in: a session, as a browser has it."""

    def __init__(self, address: str, name: str) -> None:
        self._address = address
        self._cookies = http.cookiejar.CookieJar()
        self._open = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self._cookies)
        ).open
        self.ask("GET", "/user/signup/")
        form = {
            "email": f"{name}@example.org",
            "password": PASSWORD,
            "csrfmiddlewaretoken": self._csrf(),
        }
        self.ask("POST", "/user/signup/", urllib.parse.urlencode(form).encode())
        self.id: int = self.call("GET", "/api/current-user/whoami")["id"]

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        """Send a request; return the answer's bytes."""
        headers = {"Content-Type": kind} if kind else {}
        if body is not None:
            headers |= {"X-CSRFToken": self._csrf(), "Referer": self._address}
        request = urllib.request.Request(self._address + path, body, headers, method=method)
        with self._open(request, timeout=300) as response:
            return bytes(response.read())

    def call(self, method: str, path: str, content: Any = None) -> Any:
        """Call the API; return its JSON."""
        body = None if content is None else json.dumps(content).encode()
        answer = self.ask(method, path, body, "application/json")
        return json.loads(answer) if answer else None

    def _csrf(self) -> str:
        return next((one.value or "" for one in self._cookies if one.name == "csrftoken"), "")


@contextmanager
def serving(executable: str, folder: Path, pictures: Path) -> Iterator[str]:
    """Run a Label Studio whose data lies in `folder` and whose local files in `pictures`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(pictures),
        "COLLECT_ANALYTICS": "false",
    }
    environment.pop("PYTHONPATH", None)
    words = ["start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [executable, *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(process, f"{address}/health")
        yield address
    finally:
        process.kill()
        process.wait()


def wait_for(process: "subprocess.Popen[bytes]", url: str) -> None:
    """Return when the server answers.

    Raises:
        RuntimeError: it ended, or is not there after START_SECONDS.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=10).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise RuntimeError(f"Label Studio does not answer at {url}: its log.txt tells why")


def open_project(visitor: Visitor, exported: Path) -> tuple[int, list[dict[str, Any]]]:
    """Make a project of what `faceloop export` wrote, as its README.txt says; return its tasks."""
    config = (exported / "config.xml").read_text(encoding="utf-8")
    made = visitor.call("POST", "/api/projects", {"title": "faces", "label_config": config})
    images = exported / "images"
    if images.is_dir():
        storage = {"project": made["id"], "path": str(images.resolve()), "use_blob_urls": True}
        visitor.call("POST", "/api/storages/localfiles", storage)
    tasks = json.loads((exported / "tasks.json").read_text(encoding="utf-8"))
    visitor.call("POST", f"/api/projects/{made['id']}/import", tasks)
    query = f"/api/tasks?project={made['id']}&fields=all&page_size=100"
    listed = visitor.call("GET", query)["tasks"]
    return made["id"], sorted(listed, key=lambda task: task["id"])


def label(people: dict[str, Visitor], tasks: list[dict[str, Any]]) -> None:
    """Let everybody say what SAY holds for them."""
    for name, visitor in people.items():
        for task, words in zip(tasks, SAY[name], strict=False):
            for annotation in filter(None, words.split(" + ")):
                annotate(visitor, f"/api/tasks/{task['id']}", annotation.split(" > "))


def annotate(visitor: Visitor, task: str, thoughts: list[str]) -> None:
    """Make one annotation, or a draft, and change it with each further thought."""
    if thoughts == ["draft"]:
        visitor.call("POST", f"{task}/drafts", answer("none"))
        return
    made = visitor.call("POST", f"{task}/annotations/", answer(thoughts[0]))
    for thought in thoughts[1:]:
        visitor.call("PATCH", f"/api/annotations/{made['id']}/", answer(thought))


def answer(choice: str) -> dict[str, Any]:
    """Return what Label Studio's own page sends for a choice or a skip."""
    if choice == "skip":
        return {"result": [], "was_cancelled": True, "lead_time": 1.5}
    region = {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [choice]},
    }
    return {"result": [region], "was_cancelled": False, "lead_time": 2.25}


def export(visitor: Visitor, project: int, kind: str) -> bytes:
    """Return a project's export, such as JSON, JSON_MIN or CSV."""
    query = f"exportType={kind}&download_all_tasks=true"
    return visitor.ask("GET", f"/api/projects/{project}/export?{query}")


def main(executable: str) -> None:
    """Write the fixtures."""
    with tempfile.TemporaryDirectory() as scratch:
        project, out = Path(scratch, "project"), Path(scratch, "to-label")
        project.mkdir()
        make_project(project, FACES)
        with chdir(project):
            faceloop(["export", str(out), "--to", "label-studio", "--images", "files"])
        with serving(executable, Path(scratch, "server"), Path(scratch)) as address:
            people = {name: Visitor(address, name) for name in SAY}
            number, tasks = open_project(people["ana"], out)
            label(people, tasks)
            for kind, name in (("JSON", "full.json"), ("JSON_MIN", "min.json"), ("CSV", "csv.csv")):
                written = FIXTURES / f"label_studio_{name}"
                written.write_bytes(export(people["ana"], number, kind))
                print(f"wrote {written.relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1])
