"""Files as an earlier commit holds them."""

from faceloop.base.errors import FaceloopError
from faceloop.commands.repository.git import ask_git


def commit_of(revision: str) -> str:
    """Return the full hash of a commit, tag or branch.

    Raises:
        FaceloopError: git knows no such commit.
    """
    found = ask_git(
        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    if found is None:
        raise FaceloopError(f"{revision!r} is no commit here: see 'git tag', or 'git fetch --tags'")
    return found.decode().strip()


def read_at(commit: str, path: str) -> bytes | None:
    """Return a file's bytes at a commit; None where it did not stand there."""
    return ask_git("cat-file", "blob", f"{commit}:{path}")


def list_at(commit: str, folder: str) -> list[str]:
    """Return the paths of all files under a folder at a commit, sorted."""
    found = ask_git("ls-tree", "-r", "-z", "--name-only", commit, "--", f"{folder}/")
    return sorted(name for name in (found or b"").decode().split("\0") if name)


def commits_of(*paths: str) -> list[str]:
    """Return the commits, oldest first, in which a file changed; none outside a repository."""
    found = ask_git("log", "--reverse", "--format=%H", "--", *paths)
    return (found or b"").decode().split()
