"""The roll-back drill with the remote on an S3-compatible server on loopback."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from clones import digests, sh

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An empty bucket named `faces`."""
    pytest.importorskip("dvc_s3", reason="needs pip install 'faceloop[s3,drills]'")
    server = pytest.importorskip("moto.server", reason="needs pip install 'moto[server]'")
    import boto3

    running = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    url = "http://{}:{}".format(*running.get_host_and_port())
    boto3.client("s3", endpoint_url=url, region_name="us-east-1", **KEYS).create_bucket(
        Bucket="faces"
    )
    yield url
    running.stop()


def use_bucket(folder: Path, url: str) -> None:
    """Make the bucket a folder's remote; keys stay out of git."""
    sh("dvc remote modify --local store url s3://faces/store", folder)
    for key, value in {"endpointurl": url, "region": "us-east-1", **KEYS}.items():
        name = key.removeprefix("aws_")
        sh(f"dvc remote modify --local store {name} {value}", folder)


@pytest.mark.slow
def test_three_rounds_on_s3_back_to_the_first_and_on(three_rounds: Path, endpoint: str) -> None:
    home = three_rounds.parent
    sent = Path(shutil.copytree(three_rounds, home / "s3-sent", symlinks=True))
    use_bucket(sent, endpoint)
    sh("dvc push --all-tags --run-cache", sent)
    clone = home / "s3-clone"
    sh(f"git clone -q {three_rounds} {clone}", home)
    use_bucket(clone, endpoint)
    assert "verify: no findings" in sh("faceloop verify --no-data", clone)
    sh("dvc pull && faceloop rollback o00-i00", clone)
    assert digests(clone) == json.loads((home / "first.json").read_text())
    sh("git commit -qm 'Back to o00-i00' && faceloop next", clone)
    sh("faceloop vote --truth ../march.csv && dvc repro", clone)
    sh("git add -A && git commit -qm 'Round o01-i00'", clone)
    assert re.search("has the tag o01-i00.2", sh("faceloop finish", clone))
