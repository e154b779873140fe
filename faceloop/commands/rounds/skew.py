"""Before anyone labels a batch: is it what was wanted?"""

from faceloop.balance.balance_figures import BalanceFigures
from faceloop.balance.known_sources import KEY, SOURCES_DIR, read_sources
from faceloop.balance.targets import against_targets, clause
from faceloop.base.errors import FaceloopError
from faceloop.commands.rounds.figure_lines import balance_line, read_figures
from faceloop.commands.rounds.state import State
from faceloop.commands.settings import Settings
from faceloop.faces.batch_files import RAW_DIR, list_sources
from faceloop.statistics.estimates import exactly


def check_balance(state: State, anyway: bool) -> None:
    """Warn of a skewed batch, or refuse its first queue where params.yaml says so.

    Raises:
        FaceloopError: the batch is skewed, balance.on_skew is refuse, and nothing is labelled yet.
    """
    figures = read_figures(BalanceFigures, "balance", state)
    if figures is None or figures.verdict != "skewed":
        return
    said = f"batch {figures.name} is skewed: {balance_line(figures)}"
    refuses = state.settings.balance.on_skew == "refuse" and not figures.labelled
    if refuses and not anyway:
        folder = RAW_DIR / figures.name
        raise FaceloopError(
            f"{said}; put more of what is short in {folder} and run 'dvc add {folder}' and "
            "'dvc repro', or open the queue all the same: faceloop next --anyway"
        )
    print(f"warning: {said}")


def check_sources(batch: str, settings: Settings) -> None:
    """Warn where a new batch's sources, faces yet unseen, miss the targets of a user's column.

    Raises:
        FaceloopError: the table of its sources is at fault, or names a file that is not there.
    """
    table = read_sources(batch)
    files = {path.relative_to(RAW_DIR / batch).as_posix() for path in list_sources(batch)}
    for row, source in enumerate(table[KEY], start=2):
        if source not in files:
            raise FaceloopError(
                f"{SOURCES_DIR / batch}.csv:{row}: {RAW_DIR / batch} has no file {source!r}; "
                "correct the row or leave it out"
            )
    targets = {name: one for name, one in settings.balance.targets.items() if name in table}
    shares = {
        column: {
            str(value): exactly(float(share))
            for value, share in table[column].value_counts(normalize=True).items()
        }
        for column in targets
    }
    for one in against_targets(shares, 0.0, targets, settings.balance.tolerance):
        if one.verdict == "skewed":
            print(f"warning: of the {len(table)} rows of {SOURCES_DIR}/{batch}.csv, {clause(one)}")
