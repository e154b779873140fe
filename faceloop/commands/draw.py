"""`faceloop draw`: draw a batch of people who do not exist, with the truth about every face."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from faceloop.base.errors import FaceloopError

if TYPE_CHECKING:
    from demo.batch import DrawnBatch

PHOTOS, VIDEO_SECONDS, SEED = 205, 12.0, 7  # the demo batch that comes with the project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments; the defaults draw the demo batch."""
    parser.add_argument("folder", type=Path, help="a new or empty folder, e.g. data/raw/demo")
    parser.add_argument(
        "--photos", type=int, default=PHOTOS, help="how many (default: %(default)s)"
    )
    parser.add_argument(
        "--video-seconds", type=float, default=VIDEO_SECONDS, help="length (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=SEED, help="default: %(default)s")
    parser.add_argument("--truth", type=Path, help="CSV to write (default: FOLDER.truth.csv)")


def run(args: argparse.Namespace) -> int:
    """Draw the batch.

    Raises:
        FaceloopError: the folder or the truth is there already, a number is negative, or this is
            an installed package, which does not hold demo.
    """
    try:
        from demo.batch import draw_batch
    except ModuleNotFoundError as error:
        if error.name != "demo":
            raise
        raise FaceloopError(
            "the installed package does not hold what draws people: run 'faceloop draw' in a clone "
            "that is installed with 'pip install -e .', as make does it"
        ) from error
    truth = args.truth or args.folder.with_name(f"{args.folder.name}.truth.csv")
    if truth.exists():
        raise FaceloopError(f"{truth} is there already: name another with --truth")
    try:
        batch = draw_batch(args.folder, truth, args.photos, args.video_seconds, args.seed)
    except ValueError as error:
        raise FaceloopError(str(error)) from error
    print(_result(batch))
    print(f"then: faceloop next --batch {args.folder.name}")
    return 0


def _result(batch: "DrawnBatch") -> str:
    classes = ", ".join(f"{count} {label}" for label, count in sorted(batch.labels.items()))
    return (
        f"drew {batch.photos} photos with {batch.labels.total()} people ({classes}) "
        f"and {batch.frames} video frames into {batch.folder}; truth in {batch.truth}"
    )
