"""The pictures of a run; the only importer of matplotlib, and that only when one is drawn."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tw_bench.results.reading import LoadedRun, load_run

if TYPE_CHECKING:
    from tw_bench.report.figures.inline import Drawing
    from tw_bench.report.figures.style import Card


def draw_all(folder: Path) -> list[Path]:
    """Draw what a run folder holds into its `figures/`; return each SVG and its PNG, in order.

    Figures without data are left out.

    Raises:
        ResultsError: the folder is no run, or not what it was when the run was sealed.
    """
    from tw_bench.report.figures import style

    paths = []
    with style.settings():
        for name, card in _cards(load_run(folder)):
            paths += style.save(card, folder / "figures" / name)
    return paths


def draw_inline(run: LoadedRun, prefix: str) -> "list[Drawing]":
    """Draw the same for a page, without its head and foot: what these say the page says in text.

    Args:
        run: whose pictures.
        prefix: of every id, so that several runs have a place in one page.
    """
    from tw_bench.report.figures import inline, style

    with style.settings():
        return [inline.draw(card, f"{prefix}-{name}") for name, card in _cards(run)]


def _cards(run: LoadedRun) -> "Iterator[tuple[str, Card]]":
    """Yield each picture that the run has data for, with its name."""
    # matplotlib takes longer to import than the other verbs take to run.
    from tw_bench.report.figures import (
        connect_cost,
        max_rate,
        percentiles,
        port_range,
        rates,
        remedies,
        run_data,
        socket_states,
        time_wait,
        upstreams,
    )

    of_ports, of_time = (port_range, remedies, upstreams), (time_wait, socket_states, rates)
    every = (*of_ports, *of_time, connect_cost, percentiles)
    kinds = every if run.summary.found is None else (max_rate,)  # one picture of many probes
    drawn = run_data.arrays(run)
    for kind in kinds:
        yield from kind.draw(drawn)
