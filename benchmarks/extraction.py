"""Extraction's speed beside facenet-pytorch's own MTCNN, and its memory by a video's length.

    python -m benchmarks.extraction [--only speed memory] [--runs 3]

Speed: both do the same pictures in turn, each run in a process of its own, start-up included, with
all cores. MTCNN is used as its README shows: keep_all, a picture at a time; its smallest face is
ours. It only finds faces; extract_faces also cuts, tracks, filters, encodes and writes them.
"Beyond start-up" leaves out what either takes for a picture of nothing: the ratio of a long run.
CPU seconds, of all processes, hold on a machine that does other work too; there OMP_NUM_THREADS=1
spares both the threads that wait for one another.
Memory: one drawn 1080p clip, repeated to ten minutes and to two hours.
"""

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import psutil
from facenet_pytorch import MTCNN
from PIL import Image

from benchmarks.processors import processor
from benchmarks.real_faces import print_table
from benchmarks.scratch import DATA, ROOT, link_batch, project
from demo.mp4 import write_mp4
from demo.video import draw_video_frames
from faceloop.commands.settings import read_settings
from faceloop.crops.face_table import read_batch
from faceloop.faces.batch_files import list_sources
from faceloop.faces.extracted import WORK_DIR
from faceloop.faces.media import Unreadable, read_pictures

PR_SET_CHILD_SUBREAPER = 36  # Linux's number
HD = (1920, 1080)
CLIP_SECONDS, CLIP_HZ = 10, 5
LENGTHS_S = (600, 7200)
LOOK_HZ = 0.2  # so that two hours are looked at in minutes; each frame is decoded all the same


def find_with_facenet(batch: str) -> int:
    """Run MTCNN over a batch as its README does; return how many likely faces it found."""
    wanted = read_settings().extract_faces
    mtcnn = MTCNN(keep_all=True, min_face_size=wanted.min_face_px)
    found = 0
    for path in list_sources(batch):
        try:
            for picture in read_pictures(path, wanted.frames_per_second, wanted.max_megapixels):
                boxes, probabilities = mtcnn.detect(picture.image)
                if boxes is not None:
                    found += int((probabilities >= wanted.min_probability).sum())
        except Unreadable as error:
            print(f"{path.name}: {error}", file=sys.stderr)
    return found


def measure_speed(work: Path, runs: int) -> pd.DataFrame:
    """Return a row a set of pictures: seconds of both, and the ratio run by run."""
    sets = {
        "videos": sorted(path for path in (DATA / "videos").iterdir() if path.is_file()),
        "photos": sorted((DATA / "photos").glob("*/images/*.jpg")),
    }
    rows = []
    for batch, paths in sets.items():
        with project(work / batch, {"batches": [batch]}):
            link_batch(batch, paths)
            theirs, ours = [], []
            for _ in range(runs):
                theirs.append(_seconds("-m", "benchmarks.extraction", "--facenet", batch))
                _forget()
                ours.append(_seconds("-m", "stages.extract_faces", batch))
            again, _ = _seconds("-m", "stages.extract_faces", batch)
        starts = _start_up(work, runs)  # (2, 2): MTCNN and ours; wall and CPU
        took = np.array([theirs, ours])  # (2, runs, 2)
        ratios = took[0] / took[1]
        beyond = (took[0] - starts[0])[:, 0] / (took[1] - starts[1])[:, 0]
        with project(work / batch, {"batches": [batch]}):
            rows.append(
                {
                    "set": batch,
                    "files": len(paths),
                    "faces kept": len(read_batch(batch)),
                    "MTCNN s": float(np.median(took[0, :, 0])),
                    "extract_faces s": float(np.median(took[1, :, 0])),
                    "times as fast": float(np.median(ratios[:, 0])),
                    "start-ups s": "{:.1f}, {:.1f}".format(*starts[:, 0]),
                    "beyond start-up": float(np.median(beyond)),
                    "from": float(beyond.min()),
                    "to": float(beyond.max()),
                    "nothing new s": again,
                    "CPU s": "{:.1f}, {:.1f}".format(*np.median(took[:, :, 1], axis=1)),
                    "times, CPU": float(np.median(ratios[:, 1])),
                    "start-ups CPU s": "{:.1f}, {:.1f}".format(*starts[:, 1]),
                }
            )
    return pd.DataFrame(rows)


def _start_up(work: Path, runs: int) -> np.ndarray:
    """Return the median seconds, wall and CPU, of both on a picture of nothing: (2, 2)."""
    with project(work / "nothing", {"batches": ["nothing"]}):
        black = work / "black.png"
        Image.new("RGB", (64, 64)).save(black)
        link_batch("nothing", [black])
        theirs, ours = [], []
        for _ in range(runs):
            theirs.append(_seconds("-m", "benchmarks.extraction", "--facenet", "nothing"))
            _forget()
            ours.append(_seconds("-m", "stages.extract_faces", "nothing"))
    return np.median([theirs, ours], axis=1)


def _forget() -> None:
    """Take away finished work, so that the next run does all of it."""
    if WORK_DIR.is_dir():
        shutil.rmtree(WORK_DIR)


def _seconds(*words: str) -> tuple[float, float]:
    """Return the wall seconds of a Python process, and the CPU seconds of all that it starts.

    What outlives it, as the process does that workers are forked from, is adopted and awaited:
    only then are its CPU seconds known.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, started = os.times(), time.perf_counter()
    subprocess.run([sys.executable, *words], env=_environment(), check=True, stdout=sys.stderr)
    wall = time.perf_counter() - started
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    after = os.times()
    cpu = after.children_user + after.children_system
    return wall, cpu - before.children_user - before.children_system


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def measure_memory(work: Path) -> pd.DataFrame:
    """Return a row a length of video: the peak of all processes together."""
    work.mkdir(parents=True, exist_ok=True)
    clip = work / "clip.mp4"
    frames = draw_video_frames(np.random.default_rng(0), CLIP_SECONDS, CLIP_HZ, HD)
    write_mp4(clip, frames, CLIP_HZ, HD)
    rows = []
    for length_s in LENGTHS_S:
        batch = f"video-{length_s}"
        long = work / f"{batch}.mp4"
        repeat(clip, long, length_s // CLIP_SECONDS)
        changes = {"batches": [batch], "extract_faces.frames_per_second": LOOK_HZ}
        with project(work / "memory", changes):
            link_batch(batch, [long])
            _forget()
            seconds, peak = watch("-m", "stages.extract_faces", batch)
            rows.append(
                {
                    "video s": length_s,
                    "frames decoded": length_s * CLIP_HZ,
                    "frames looked at": round(length_s * LOOK_HZ),
                    "faces kept": len(read_batch(batch)),
                    "seconds": seconds,
                    "peak MB": peak / 1e6,
                }
            )
    return pd.DataFrame(rows)


def repeat(clip: Path, path: Path, times: int) -> None:
    """Write a video that shows a clip over and over, its packets copied."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        step = stream.duration or 0
        content = [
            (bytes(packet), packet.pts, packet.dts, packet.is_keyframe) for packet in packets
        ]
        for round_trip in range(times):
            for data, pts, dts, is_keyframe in content:
                packet = av.Packet(data)
                packet.stream, packet.time_base = copy, stream.time_base
                packet.pts, packet.dts = pts + round_trip * step, dts + round_trip * step
                packet.is_keyframe = is_keyframe
                target.mux(packet)


def watch(*words: str) -> tuple[float, int]:
    """Return the wall seconds of a Python process, and the peak bytes of it and its workers."""
    started, peak = time.perf_counter(), 0
    running = subprocess.Popen(
        [sys.executable, *words], env=_environment(), stdout=sys.stderr, start_new_session=True
    )
    while running.poll() is None:
        peak = max(peak, sum(held(running.pid)))
        time.sleep(0.5)
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, words)
    return time.perf_counter() - started, peak


def held(session: int) -> Iterator[int]:
    """Yield the bytes of each process of a session; what several share is counted once."""
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session:
                yield process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
            continue


def main(words: Sequence[str] | None = None) -> int:
    """Run the chosen parts; return 0 when done, 2 where the real faces are not here."""
    parser = argparse.ArgumentParser("benchmarks.extraction", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=["speed", "memory"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--facenet", help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.facenet:
        print(f"MTCNN: {find_with_facenet(arguments.facenet)} likely faces")
        return 0
    if not DATA.is_dir():
        print(f"error: the real faces are not here: {DATA} is missing", file=sys.stderr)
        return 2
    parts: dict[str, Callable[[Path], Any]] = {
        "speed": lambda work: measure_speed(work, arguments.runs),
        "memory": measure_memory,
    }
    print(f"{processor()}\n")
    with tempfile.TemporaryDirectory() as work:
        for name in arguments.only or parts:
            print(f"## {name}\n")
            print_table(parts[name](Path(work).resolve()), 2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
