"""Ray Data does what the local engine does, and loses nothing when a process is killed."""

import os
import pickle
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from test_engines import FAILURES, failing, leaving

from faceloop.base.errors import FaceloopError
from faceloop.base.storage import EMBEDDINGS_DIR, FACES_DIR
from faceloop.commands.settings import read_settings
from faceloop.faces.extracted import WORK_DIR
from faceloop.workers import ray_data
from faceloop.workers.dispatch import map_shards, threads_each
from faceloop.workers.local import Lost
from faceloop.workers.params import Workers
from stages import embed, extract_faces

pytest.importorskip("ray", reason="needs pip install 'faceloop[ray]'")
pytestmark = pytest.mark.slow
RAY = Workers(engine="ray", count=2, address=None)


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
    done = dict(map_shards(partial(killed_at_first, folder=tmp_path), range(5), RAY, dict))
    assert done.pop(2) == Lost(-signal.SIGKILL)
    assert done == {shard: shard * shard for shard in (0, 1, 3, 4)}
    assert {path.name for path in tmp_path.iterdir()} == {"0", "2"}


@pytest.mark.parametrize(("shard", "kind", "words"), FAILURES)
def test_what_goes_wrong_crosses_as_text_whatever_its_constructor_takes(
    shard: int, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        list(map_shards(failing, [shard], RAY, dict))


def test_a_process_that_ends_with_exit_code_1_did_not_hang() -> None:
    assert dict(map_shards(leaving, [1, 2], RAY, dict)) == {1: Lost(1), 2: 2}


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
    project.set({"workers.engine": "ray", "workers.count": 2})
    extract_faces.main("drawn")
    embed.main("drawn")
    assert outs() == local


def unfit() -> None:
    raise FaceloopError("it is unfit")


@pytest.mark.usefixtures("project")
def test_a_node_that_does_not_pass_its_check_is_named_before_any_work() -> None:
    with pytest.raises(FaceloopError, match=r"^engine ray: node [\d.]+: it is unfit$"):
        list(map_shards(os.unlink, ["params.yaml"], RAY, unfit))
    assert Path("params.yaml").is_file()


def test_a_node_with_another_faceloop_does_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_data, "_code", lambda: "of another version")
    with pytest.raises(FaceloopError, match="its faceloop is another one: install there"):
        list(map_shards(abs, [-1, 2], RAY, dict))


def test_a_node_that_does_not_see_the_folder_says_so(project: Any) -> None:
    here = ray_data.Home(project.root, project.root / "no mark.partial", [], ray_data._code())
    found = str(ray_data._finding(here, pickle.dumps(dict)))
    assert found.startswith(f"it does not see {project.root} of the machine that started this")


def test_an_address_of_ray_client_is_refused_with_the_one_that_works(project: Any) -> None:
    project.set({"workers.engine": "ray", "workers.address": "ray://head:10001"})
    with pytest.raises(FaceloopError, match="'ray start --address=HEAD:6379'") as raised:
        read_settings()
    assert "\n" not in str(raised.value)


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(FaceloopError, match=r"faceloop\[ray\]"):
        list(ray_data.run_on_ray(abs, [1], dict, 1, None))


def test_a_process_on_a_cluster_has_one_thread() -> None:
    assert threads_each(RAY) == 1
