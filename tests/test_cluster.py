"""Ray on two nodes: one that is unlike the others is named, one that goes away costs nothing."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from faceloop.base.errors import FaceloopError
from faceloop.base.storage import FACES_DIR
from faceloop.faces.extracted import WORK_DIR
from stages import extract_faces

ray = pytest.importorskip("ray", reason="needs pip install 'faceloop[ray]'")
pytestmark = pytest.mark.slow
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


@pytest.fixture
def cluster() -> Iterator[Any]:
    """One node with one core."""
    from ray.cluster_utils import Cluster

    running = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    yield running
    running.shutdown()


@pytest.fixture
def filled(project: Any, drawn: Any, cluster: Any) -> Any:
    """A project with photos and videos in the batch `drawn`, and Ray at the cluster's address."""
    folder = project.root / "data/raw/drawn"
    shutil.copytree(drawn.root / "data/raw/drawn", folder)
    project.set({"batches": ["drawn"], "workers.address": cluster.address, "workers.count": 2})
    return project


def faces() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in FACES_DIR.glob("drawn.*")}


def test_a_node_that_goes_away_while_it_works_changes_no_byte(
    filled: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract_faces.main("drawn")
    local = faces()
    assert len(local) == 3
    shutil.rmtree(WORK_DIR)
    shutil.rmtree(FACES_DIR)
    node = cluster.add_node(num_cpus=1)
    run_on_ray = extract_faces.map_shards

    def removing(*arguments: Any) -> Iterator[Any]:
        done = run_on_ray(*arguments)
        yield next(done)
        cluster.remove_node(node, allow_graceful=False)
        yield from done

    monkeypatch.setattr(extract_faces, "map_shards", removing)
    filled.set({"workers.engine": "ray"})
    extract_faces.main("drawn")
    assert faces() == local and not cluster.worker_nodes


def test_a_node_without_bfloat16_is_named_before_any_work(filled: Any, cluster: Any) -> None:
    cluster.add_node(num_cpus=1, env_vars=AVX2)
    filled.set({"workers.engine": "ray", "extract_faces.precision": "bfloat16"})
    with pytest.raises(FaceloopError, match=r"node .*: precision: bfloat16 is not computed by"):
        extract_faces.main("drawn")
    assert not list(WORK_DIR.glob("*"))
