"""The pictures of a scenario: its sequence diagram, and the states of its sockets over time."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tw_bench.errors import ResultsError
from tw_bench.profile.expectations import STATES
from tw_bench.report.sequence import draw
from tw_bench.report.text import clean
from tw_bench.results import tables
from tw_bench.results.played import PLAYED, SEGMENTS, Played
from tw_bench.results.run_folder import SAMPLES

if TYPE_CHECKING:
    from tw_bench.report.figures.style import Card

_COLUMNS = {state: f"state_{state.lower()}" for state in STATES}


def draw_pictures(folder: Path) -> list[Path]:
    """Draw what the folder of a scenario holds into its `figures/`; return the paths.

    A scenario that was never played has none; one without a segment has no diagram.

    Raises:
        ResultsError: a file of it is broken.
    """
    if not (folder / PLAYED).exists():
        return []
    paths = []
    if _rows(folder / SEGMENTS):
        paths.append(folder / "figures" / "sequence.svg")
        paths[0].parent.mkdir(exist_ok=True)
        paths[0].write_text(draw(folder), encoding="utf-8")
    if _rows(folder / SAMPLES):
        paths += _draw_states(folder)
    return paths


def _rows(path: Path) -> bool:
    """Whether a table has a row."""
    if not path.exists():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return sum(1 for _, _ in zip(file, range(2), strict=False)) > 1


def _draw_states(folder: Path) -> list[Path]:
    from tw_bench.report.figures import style

    with style.settings():
        card = _states(folder)
        return [] if card is None else style.save(card, folder / "figures" / "states")


def _states(folder: Path) -> "Card | None":
    # matplotlib takes longer to import than the other verbs take to run.
    from tw_bench.report.figures import states

    try:
        played = Played.model_validate_json((folder / PLAYED).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultsError(f"{folder / PLAYED}: is no scenario: play it anew") from error
    names = ("side", "time_s", *_COLUMNS.values())
    rows = tables.read(folder / SAMPLES, names, ("side",), 8, is_whole=False)
    sides = {side: rows["side"] == side for side in dict.fromkeys(map(str, rows["side"]))}
    return states.draw(
        {side: rows["time_s"][own] for side, own in sides.items()},
        {
            side: {state: np.nan_to_num(rows[name][own]) for state, name in _COLUMNS.items()}
            for side, own in sides.items()
        },
        clean(played.title),
        [played.name, f"Linux {played.kernel}", played.started_at[:10]],
    )
