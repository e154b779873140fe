"""What pyproject.toml cannot say: a wheel takes along the files that each project begins with."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROJECT = Path("faceloop/commands/project")


class BuildWithSharedFiles(build_py):
    """Copies the files of shared.txt beside it."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for pattern in (PROJECT / "shared.txt").read_text(encoding="utf-8").split():
            for path in sorted(Path().glob(pattern)):
                copy = Path(self.build_lib) / PROJECT / "shared" / path
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)


setup(cmdclass={"build_py": BuildWithSharedFiles})
