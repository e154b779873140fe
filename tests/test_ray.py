"""Ray Data does what the local engine does, and loses nothing when a process is killed."""

import os
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stages import embed, extract_faces
from stages.core.errors import FaceloopError
from stages.core.settings import Engine
from stages.engines import ray_data
from stages.engines.engine import map_shards, threads_each
from stages.engines.local import Lost
from stages.files.extracted import WORK_DIR
from stages.files.tables import EMBEDDINGS_DIR, FACES_DIR

pytest.importorskip("ray", reason="needs pip install 'faceloop[ray]'")
RAY = Engine(name="ray", workers=2, address=None)


def killed_at_first(shard: int, folder: Path) -> int:
    """Die at shard 0's first try, and at shard 2 always."""
    tried = folder / str(shard)
    if shard == 2 or (shard == 0 and not tried.exists()):
        tried.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return shard * shard


def test_a_killed_worker_loses_nothing_and_a_shard_that_always_kills_costs_itself(
    tmp_path: Path,
) -> None:
    done = dict(map_shards(partial(killed_at_first, folder=tmp_path), range(5), RAY))
    assert done.pop(2) == Lost(-signal.SIGKILL)
    assert done == {shard: shard * shard for shard in (0, 1, 3, 4)}
    assert {path.name for path in tmp_path.iterdir()} == {"0", "2"}


def outs() -> dict[str, bytes]:
    paths = [*FACES_DIR.glob("drawn.*"), *EMBEDDINGS_DIR.glob("drawn.*")]
    return {path.name: path.read_bytes() for path in paths}


def test_faces_and_embeddings_are_the_same_bytes_on_either_engine(project: Any, drawn: Any) -> None:
    folder = project.root / "data/raw/drawn"
    shutil.copytree(drawn.root / "data/raw/drawn/awkward", folder)
    shutil.copyfile(drawn.root / "data/raw/drawn/videos/walk.mp4", folder / "walk.mp4")
    project.set({"batches": ["drawn"]})
    extract_faces.main("drawn")
    embed.main("drawn")
    local = outs()
    assert len(local) == 4
    shutil.rmtree(WORK_DIR)
    for path in [*FACES_DIR.iterdir(), *EMBEDDINGS_DIR.iterdir()]:
        path.unlink()
    project.set({"engine.name": "ray", "engine.workers": 2})
    extract_faces.main("drawn")
    embed.main("drawn")
    assert outs() == local


def test_a_node_with_other_code_does_no_work(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.setattr(ray_data, "_code", lambda: "of another version")
    assert dict(map_shards(abs, [-1, 2], RAY)) == {-1: 1, 2: 2}
    assert "2 of 2 are tried once more here" in capfd.readouterr().err


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(FaceloopError, match=r"faceloop\[ray\]"):
        list(ray_data.run_on_ray(abs, [1], 1, None))


def test_a_process_on_a_cluster_has_one_thread() -> None:
    assert threads_each(RAY) == 1
