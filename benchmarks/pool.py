"""What picking costs in pools of up to ten million faces, beside other libraries.

    python -m benchmarks.pool --work DIR [--only ours peers] [--pools 1000000x512 ...]

Made embeddings, through the real stages, each in a process of its own: seconds, CPU seconds and
peak memory (VmHWM) of it all, Python's start included. A pool's files are deleted after its turn.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.made_pool import CLASSES, answer, make_batch
from benchmarks.real_faces import print_table
from benchmarks.scratch import ROOT, project
from faceloop.base.rounds import SEED_ROUND

BATCH = "pool"
LABELS, VALIDATION, PICKED = 600, 200, 1000  # faces that have a label, and that are picked
CHANGES = {
    "batches": [BATCH],
    "classes": CLASSES,
    "sample_validation.size": 300,
    "sample_uncertain.size": 4 * PICKED,
    "sample_diverse.size": PICKED,
}
POOLS = ("100000x512", "1000000x512", "10000000x256")
BEFORE = (
    "sample_jury pool",
    "merge_labels prior",
    f"merge_labels {SEED_ROUND}",
    "train prior",
    f"train {SEED_ROUND}",
)
STAGES = (
    *("eval_overfit", "eval_iteration", "gate", "balance"),
    *("sample_validation", "sample_uncertain", "sample_diverse"),
)
PEER_POOLS = ("10000x512", "100000x512", "1000000x512")
PEERS = (
    *("modAL margin", "scikit-activeml margin"),
    *("modAL ranked batch", "scikit-activeml Badge", "scikit-activeml CoreSet"),
)
LIMIT_S = 600
# Tells at its end what the process took; it runs a module as `python -m` does.
DRIVER = """
import json, resource, runpy, sys
module, *sys.argv[1:] = sys.argv[1:]
runpy.run_module(module, run_name="__main__", alter_sys=True)
used = resource.getrusage(resource.RUSAGE_SELF)
peak = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 2**20
print(json.dumps({"CPU s": used.ru_utime + used.ru_stime, "peak GiB": peak}))
"""


def main() -> None:
    """Print what each stage costs by size of the pool, then the other libraries."""
    parser = argparse.ArgumentParser(prog="benchmarks.pool", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "faceloop-pool")
    parser.add_argument("--only", nargs="+", choices=["ours", "peers"], default=["ours", "peers"])
    parser.add_argument("--pools", nargs="+", metavar="FACESxWIDTH", help="else each part's own")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    arguments = parser.parse_args()
    work = arguments.work
    if "ours" in arguments.only:
        pools = arguments.pools or POOLS
        rows = [row for pool in pools for row in measure_stages(work, pool, arguments.stages)]
        print_table(pd.DataFrame(rows), 2)
    if "peers" in arguments.only:
        pools = arguments.pools or PEER_POOLS
        rows = [row for pool in pools for row in measure_peers(work, pool)]
        print_table(pd.DataFrame(rows), 2)


def measure_stages(work: Path, pool: str, stages: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row a stage, the votes' and the model's first."""
    make_project(work, pool)
    rows = []
    for stage in (*BEFORE, *stages):
        module, *words = stage.split()
        rows.append({"pool": pool, "stage": stage, **measure(work, f"stages.{module}", *words)})
    shutil.rmtree(work)
    return rows


def measure_peers(work: Path, pool: str) -> list[dict[str, Any]]:
    """Return a row a library's strategy, which picks 1,000 faces with the same trained head."""
    make_project(work, pool)
    for stage in BEFORE:
        module, *words = stage.split()
        measure(work, f"stages.{module}", *words)
    rows = []
    for peer in PEERS:
        row = {"pool": pool, "strategy": peer}
        try:
            row |= measure(work, "benchmarks.pool_peer", peer, str(PICKED), limit_s=LIMIT_S)
        except subprocess.TimeoutExpired:
            row |= {"seconds": f"over {LIMIT_S}"}
        except subprocess.CalledProcessError as error:
            row |= {"seconds": f"ended by {-error.returncode}: out of memory"}
        rows.append(row)
    shutil.rmtree(work)
    return rows


def make_project(work: Path, pool: str) -> None:
    """Lay a project with a batch of `FACESxWIDTH` whose seed round is answered."""
    faces, width = map(int, pool.split("x"))
    shutil.rmtree(work, ignore_errors=True)
    with project(work, CHANGES):
        make_batch(BATCH, faces, width)
        answer(SEED_ROUND, BATCH, np.arange(LABELS), VALIDATION)


def measure(folder: Path, module: str, *words: str, limit_s: float | None = None) -> dict[str, Any]:
    """Run a module in a process of its own; return seconds, CPU seconds and peak memory in GiB."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, module, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ROOT.as_posix()},
        stdout=subprocess.PIPE,
        text=True,
        timeout=limit_s,
        check=True,
    )
    seconds = time.perf_counter() - started
    print(done.stdout, file=sys.stderr)
    return {"seconds": seconds, **json.loads(done.stdout.splitlines()[-1])}


if __name__ == "__main__":
    main()
