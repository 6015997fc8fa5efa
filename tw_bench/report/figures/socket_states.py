"""Sockets by state over time, of a run that counted them (`observe: {states: true}`)."""

from collections.abc import Iterator

import numpy as np

from tw_bench.kernel.sock_diag import STATES
from tw_bench.report.figures import states, style
from tw_bench.report.figures.run_data import Floats, Run
from tw_bench.report.figures.style import Card
from tw_bench.results.run_folder import SAMPLES

_MOST = 4  # points with a picture of their own
_COLUMNS = {name: f"state_{name.lower()}" for name in STATES.values()}


def draw(run: Run) -> Iterator[tuple[str, Card]]:
    """Yield a picture for each of the first points that were counted."""
    if not {*_COLUMNS.values()} <= {*run.source.columns(SAMPLES)}:
        return
    rows = run.source.samples("point", "side", "time_s", *_COLUMNS.values())
    counted = ~np.isnan(rows[_COLUMNS["LISTEN"]])
    ids = list(dict.fromkeys(map(str, rows["point"][counted])))
    for number, id in enumerate(ids[:_MOST], 1):
        own = counted & (rows["point"] == id)
        time_s: dict[str, Floats] = {}
        counts: dict[str, dict[str, Floats]] = {}
        for side in dict.fromkeys(map(str, rows["side"][own])):
            here = own & (rows["side"] == side)
            time_s[side] = rows["time_s"][here]
            counts[side] = {state: rows[name][here] for state, name in _COLUMNS.items()}
        whose = f" of {id}" if len(run.points) > 1 else ""
        card = states.draw(time_s, counts, f"Sockets by state{whose}", style.origin(run))
        if card is not None:
            yield f"states-{number}" if len(ids) > 1 else "states", card
