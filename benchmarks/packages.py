"""What each package that faceloop asks for costs: megabytes on disk, seconds to import.

    python -m benchmarks.packages

Prints what CONTRIBUTING.md shows, of the packages that are installed here.
"""

import resource
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pandas as pd
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.real_faces import print_table

LEAST_MB = 5
MODULES = {  # where the name that is imported is another one
    "crowd-kit": "crowdkit.aggregation",
    "dvc": "dvc.cli",
    "dvc-s3": "dvc_s3",
    "facenet-pytorch": "facenet_pytorch",
    "matplotlib": "matplotlib.figure",
    "modal-python": "modAL",
    "moto": "moto.server",
    "pandas-stubs": "",
    "pillow": "PIL.Image",
    "playwright": "playwright.sync_api",
    "pyyaml": "yaml",
    "quapy": "quapy.method.aggregative",
    "ray": "ray.data",
    "ruamel-yaml": "ruamel.yaml",
    "ruff": "",
    "scikit-activeml": "skactiveml.pool",
    "scikit-learn": "sklearn.cluster",
    "scipy": "scipy.optimize",
    "types-pyyaml": "",
    "types-tqdm": "",
    "vl-convert-python": "vl_convert",
}


def asked_for() -> dict[str, tuple[str, Requirement]]:
    """Return the installed packages that pyproject.toml names: extra ("" for none), requirement."""
    found: dict[str, tuple[str, Requirement]] = {}
    extras = ["", *(distribution("faceloop").metadata.get_all("Provides-Extra") or [])]
    for extra in extras:
        for one in wanted_by("faceloop", extra):
            name = canonicalize_name(one.name)
            if name not in found and is_installed(name):
                found[name] = extra, one
    return found


def wanted_by(name: str, extra: str) -> list[Requirement]:
    """Return what a package asks for here, with one extra; without any for ""."""
    wanted = [Requirement(line) for line in distribution(name).requires or []]
    return [
        one
        for one in wanted
        if one.marker is None
        or (one.marker.evaluate({"extra": extra}) and (not extra or "extra" in str(one.marker)))
    ]


def is_installed(name: str) -> bool:
    """Return whether a package is here."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


@cache
def brought_by(name: str, extras: frozenset[str]) -> frozenset[str]:
    """Return the installed packages that one brings, at any depth, and itself."""
    found, waiting = set[str](), [(name, extras)]
    while waiting:
        one, its_extras = waiting.pop()
        if one in found or not is_installed(one):
            continue
        found.add(one)
        for extra in ("", *its_extras):
            waiting += [
                (canonicalize_name(need.name), frozenset(need.extras))
                for need in wanted_by(one, extra)
            ]
    return frozenset(found)


def megabytes(names: Iterable[str]) -> float:
    """Return what packages take on disk."""
    files = [Path(str(file.locate())) for name in names for file in distribution(name).files or []]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def import_seconds(module: str) -> float:
    """Return the processor time of Python's start and one import."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a row a package, the largest first; those below LEAST_MB in one row."""
    asked = asked_for()
    brought = {name: brought_by(name, frozenset(one.extras)) for name, (_, one) in asked.items()}
    rows = []
    for name, (extra, _) in asked.items():
        others = [some for some in brought.values() if name not in some]
        module = MODULES.get(name, name)
        row = {"package": name, "extra": extra, "MB": megabytes([name])}
        row["MB with what only it brings"] = megabytes(brought[name].difference(*others))
        rows.append(row | {"import s": import_seconds(module) if module else None})
    table = pd.DataFrame(rows).sort_values("MB with what only it brings", ascending=False)
    print_table(table[table.iloc[:, 3] >= LEAST_MB], 1)
    print(f"below {LEAST_MB} MB: {', '.join(sorted(table[table.iloc[:, 3] < LEAST_MB].package))}")
    for extra in ("", *sorted({extra for extra, _ in asked.values()} - {""})):
        some = {n for name, (its, _) in asked.items() if its in ("", extra) for n in brought[name]}
        print(f"{extra or 'without an extra'}: {megabytes(some):.0f} MB")


if __name__ == "__main__":
    main()
