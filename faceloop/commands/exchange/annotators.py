"""Whose labels these are: other software's e-mails and ids, and the annotators' names here."""

from collections.abc import Collection
from pathlib import Path

from faceloop.base.errors import FaceloopError
from faceloop.commands.exchange.said import Person
from faceloop.labels.vote_files import check_annotator, read_rows


def name_everybody(
    people: Collection[Person], path: Path, name: str | None, table: Path | None
) -> dict[Person, str]:
    """Return each person's name as an annotator: `name` if there is but one, else by `table`.

    Args:
        people: whom the file at `path` names; `()` is somebody it does not name.
        table: a CSV `their,name`: an e-mail or id, and the annotator's name.

    Raises:
        FaceloopError: somebody is in no row, with the table to write; or a name that cannot be
            a file's.
    """
    if table is None and name is not None and len(people) == 1:
        check_annotator(name)
        return dict.fromkeys(people, name)
    names = read_table(table) if table is not None else {}
    found = {person: {names[key] for key in keys_of(person) if key in names} for person in people}
    unnamed = [person for person in found if not found[person]]
    if unnamed:
        raise FaceloopError(ask_for_table(unnamed, path, len(people)))
    for person, several in found.items():
        if len(several) > 1:
            raise FaceloopError(
                f"{table}: {' and '.join(person)} are one person in {path}, and "
                f"{' and '.join(sorted(several))} there; keep one name"
            )
    return {person: several.pop() for person, several in found.items()}


def keys_of(person: Person) -> list[str]:
    """Return what a table may call a person; e-mails are alike in upper and lower case."""
    return [key.casefold() for key in person]


def read_table(path: Path) -> dict[str, str]:
    """Read a CSV `their,name`.

    Raises:
        FaceloopError: with file and row: a name that cannot be a file's, two names for one
            person, or two names that differ in case alone.
    """
    names: dict[str, str] = {}
    spelt: dict[str, str] = {}
    for row, one in read_rows(path, ["their", "name"]):
        where, name = f"{path}:{row}", one["name"]
        check_annotator(name, where)
        if names.setdefault(one["their"].casefold(), name) != name:
            raise FaceloopError(f"{where}: {one['their']} stands there twice; keep one name")
        before = spelt.setdefault(name.casefold(), name)
        if before != name:  # one file, on a disk that does not tell them apart
            raise FaceloopError(f"{where}: {name!r} here and {before!r} above; spell it one way")
    return names


def ask_for_table(unnamed: list[Person], path: Path, people: int) -> str:
    """Return the words that ask who labelled: the option or the table to write."""
    if () in unnamed:
        return (
            f"{path} does not say whose labels these are: --as NAME"
            if people == 1
            else f"{path}: some labels name nobody; give them an author there, and export again"
        )
    told = sorted(person[0] for person in unnamed)
    rows = "\n".join(f"{their},NAME" for their in told)
    alone = " (or --as NAME, for there is but one person)" if people == 1 else ""
    return (
        f"{path}: who are {', '.join(told)}? Write a table outside the project, such as "
        f"../who.csv, and add --who ../who.csv{alone}:\ntheir,name\n{rows}"
    )
