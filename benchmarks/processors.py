"""One commit on unlike processors: does the loop decide the same?

    python -m benchmarks.processors [--draws 20] [--work DIR]

Libraries are told by the environment to compute as an older processor would. Of each draw of the
demo batch two rounds are run from the photos on, as it is and so; the table tells how many of the
faces found, of their embeddings' numbers, and of the faces picked and held out differ.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info, threadpool_limits

from faceloop.base.rounds import SEED_ROUND
from faceloop.base.storage import EMBEDDINGS_DIR, FACES_DIR, QUEUE_DIR, read_csv
from faceloop.base.tables import as_table, stacked
from faceloop.commands.labelling.vote import label_by_truth, read_truth
from faceloop.commands.rounds.edit_params import edit_params
from faceloop.commands.rounds.next_round import move_on
from faceloop.commands.settings import read_settings
from faceloop.labels.columns import ASKED_AS, VOTES
from faceloop.labels.vote_files import write_queue, write_votes
from faceloop.pool.queue import QUEUE
from faceloop.workers.local import cores
from stages import link_duplicates, neighbours, sample_jury

ROOT = Path(__file__).resolve().parents[1]
BATCH, TRUTH, ROUNDS = "pool", Path("truth.csv"), (SEED_ROUND, "o01-i00")
DECIDED = (
    *("labels", "data/neighbours", "data/duplicates", "data/jury", "data/labelled"),
    *("data/predicted", "data/queue", "models", "metrics"),
)
AVX512 = "X86_V4 AVX512_ICL AVX512_SPR"  # NumPy's names
PROCESSORS: dict[str, dict[str, str]] = {
    "as it is": {},
    "AVX2": {
        "NPY_DISABLE_CPU_FEATURES": AVX512,
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
    "old": {
        "NPY_DISABLE_CPU_FEATURES": f"X86_V3 {AVX512}",
        "OPENBLAS_CORETYPE": "Nehalem",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
    },
}


def main() -> None:
    """Print how often a decision hangs on the processor."""
    from benchmarks.real_faces import print_table  # with torch, which the decisions do without

    parser = argparse.ArgumentParser(prog="benchmarks.processors", description=__doc__)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "processors")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.work, ignore_errors=True)
    rows = []
    for seed in range(arguments.draws):
        drawn = arguments.work / f"{seed}-drawn"
        draw(drawn, seed)
        folders = {name: arguments.work / f"{seed}-{name}" for name in PROCESSORS}
        for name, folder in folders.items():
            shutil.copytree(drawn, folder)
            decide_on(name, folder, from_photos=True)
        first, *others = folders
        for name in others:
            found = differences(folders[first], folders[name])
            rows.append({"seed": seed, "processor": name, **found})
            print(rows[-1], file=sys.stderr)
    print_table(pd.DataFrame(rows), 0)
    shutil.rmtree(arguments.work)


def draw(folder: Path, seed: int) -> None:
    """Draw the demo's batch anew into a project's folder."""
    from benchmarks.scratch import project  # with torch too
    from demo.batch import draw_batch
    from faceloop.commands.draw import PHOTOS, VIDEO_SECONDS

    classes = read_settings(ROOT / "params.yaml").classes
    with project(folder, {"batches": [BATCH], "classes": classes}):
        for name in ("data/sources", "labels", "models/embedders"):
            Path(name).mkdir(parents=True)
        draw_batch(Path("data/raw") / BATCH, TRUTH, PHOTOS, VIDEO_SECONDS, seed)


def decide_on(processor: str, folder: Path, from_photos: bool) -> dict[str, Any]:
    """Run two rounds in a project's folder as on a processor; return which kernels computed."""
    words = [sys.executable, "-c", f"from benchmarks.processors import *; decide({from_photos})"]
    path = os.pathsep.join([ROOT.as_posix(), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **PROCESSORS[processor]},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def decide(from_photos: bool) -> None:
    """Run two rounds in the working folder, answered from the truth; print the kernels' names."""
    if from_photos:
        from stages import embed, extract_faces

        extract_faces.main(BATCH)
        embed.main(BATCH)
    with threadpool_limits(1):
        neighbours.main(BATCH)
        link_duplicates.main(BATCH)
        sample_jury.main(BATCH)
        run_stages()
        for name in ROUNDS:
            answer(name)
            run_stages()
    print(json.dumps(kernels()))


def run_stages() -> None:
    """Run the stages from merge_labels on, as `dvc repro` would."""
    from stages import (
        balance,
        eval_iteration,
        eval_overfit,
        eval_shadow,
        gate,
        merge_labels,
        sample_diverse,
        sample_relabel,
        sample_uncertain,
        sample_validation,
        train,
    )

    for stage in (merge_labels, train, eval_overfit, eval_iteration, eval_shadow, gate, balance):
        stage.main()
    for stage in (sample_validation, sample_uncertain, sample_diverse, sample_relabel):
        stage.main()


def answer(name: str) -> None:
    """Freeze the faces that are drawn as a round's queue, and answer it from the truth."""
    parts = ("validation", "diverse", "relabel")
    drawn = [read_csv(QUEUE_DIR / f"{part}.csv", QUEUE) for part in parts]
    queue = stacked(drawn, QUEUE).sort_values("face_id", ignore_index=True)
    labels = label_by_truth(queue, read_truth(TRUTH, read_settings().classes))
    queue = queue.rename(columns=ASKED_AS)
    votes = {"asked_id": queue["asked_id"], "label": labels.replace("", "not_a_face")}
    write_queue(queue, name)
    write_votes(name, "truth", as_table({**dict.fromkeys(VOTES), **votes}, VOTES))
    if name != SEED_ROUND:
        edit_params(move_on(read_settings().rounds, name))


def kernels() -> dict[str, Any]:
    """Return what NumPy's loops, the BLAS, and torch where it is loaded, were compiled for."""
    loops = np.lib.introspect.opt_func_info(func_name="^exp$", signature="float64")
    blas = {one["architecture"] for one in threadpool_info() if one["user_api"] == "blas"}
    torch = sys.modules.get("torch")
    return {
        "numpy": [one["current"] for by in loops.values() for one in by.values()],
        "blas": sorted(blas),
        "torch": None if torch is None else torch.backends.cpu.get_cpu_capability(),
    }


def processor() -> str:
    """Return one line on what figures come from: the processor, and the instructions it may use.

    ATen is torch's own arithmetic; its convolutions are oneDNN's, which tells bfloat16 alone.
    """
    import torch

    about = Path("/proc/cpuinfo")  # Linux's
    lines = about.read_text().splitlines() if about.is_file() else []
    names = {line.partition(": ")[2] for line in lines if line.startswith("model name")}
    has_it = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return (
        f"{', '.join(sorted(names)) or platform.processor()}, {cores()} cores; "
        f"ATen: {torch.backends.cpu.get_cpu_capability()}; "
        f"oneDNN: {os.environ.get('ONEDNN_MAX_CPU_ISA', 'all it finds')}, "
        f"{'with' if has_it else 'without'} bfloat16"
    )


def differences(one: Path, other: Path) -> dict[str, int]:
    """Return how many faces, numbers of embeddings, picks and held-out faces differ."""
    embeddings = [np.load(folder / EMBEDDINGS_DIR / f"{BATCH}.npy") for folder in (one, other)]
    tables = [pd.read_parquet(folder / FACES_DIR / f"{BATCH}.parquet") for folder in (one, other)]
    picked = {"validation": 0, "diverse": 0}
    for part in picked:
        path = QUEUE_DIR / f"{part}.csv"
        faces = [set(pd.read_csv(folder / path)["face_id"]) for folder in (one, other)]
        picked[part] = len(faces[0] - faces[1])
    return {
        "faces": len(set(tables[0]["face_id"]) ^ set(tables[1]["face_id"])),
        "numbers of embeddings": int((embeddings[0] != embeddings[1]).sum()),
        "picked": picked["diverse"],
        "held out": picked["validation"],
        "files": len(differing(one, other, DECIDED)),
    }


def differing(one: Path, other: Path, within: tuple[str, ...]) -> list[str]:
    """Return the files of some folders of two projects that are not the same to the byte."""
    found = []
    for folder in within:
        paths = {path.relative_to(at) for at in (one, other) for path in (at / folder).rglob("*.*")}
        found += [
            path.as_posix() for path in sorted(paths) if _bytes(one / path) != _bytes(other / path)
        ]
    return found


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


if __name__ == "__main__":
    main()
