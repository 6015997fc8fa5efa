"""Sockets by state over time, stacked, a panel a side."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tw_bench.report.figures import hits, labels, style
from tw_bench.report.figures.run_data import Floats
from tw_bench.report.figures.style import INK, Card, Word

# What opens is blue as the sky, what is open is green; who closes first goes from orange to blue,
# who closes last is purple. Stacked in the order of a life.
COLOURS = {
    "LISTEN": style.FAINT,
    "SYN_SENT": style.SKY,
    "SYN_RECV": "#A9D8F5",
    "ESTABLISHED": style.GREEN,
    "FIN_WAIT_1": "#F3CB6B",
    "FIN_WAIT_2": style.ORANGE,
    "CLOSING": "#8E5A00",
    "TIME_WAIT": style.BLUE,
    "CLOSE_WAIT": style.PURPLE,
    "LAST_ACK": "#8A3B6B",
    "CLOSED": style.GRID,
}
_DULL = ("LISTEN", "CLOSED")  # left out where they never change
_STRIPS = 60  # of a panel, each with its values
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.075, 0.845, 0.150, 0.765
_GAP = 0.10  # between panels
_WIDE = 0.115  # of the figure: what a state's name takes beside a panel
_SIZE_PT, _WIDE_PT, _HIGH_PT = 8.5, 6.3, 12.0  # of a name in a panel: a letter's width, its line
_A_LINE = 5  # states named in a line of words
_SECOND_LINE, _TOP_OF_TWO = 0.812, 0.742  # of the figure


def draw(
    time_s: Mapping[str, Floats],
    counts: Mapping[str, Mapping[str, Floats]],
    title: str,
    origin: list[str],
) -> Card | None:
    """Return the picture, or nothing where no side ever had a socket worth a line.

    Args:
        time_s: side → (n,) when it was looked at, ascending.
        counts: side → state → (n,) sockets.
        title: what is found.
        origin: where it comes from, for the foot.
    """
    sides = {side: shown for side, own in counts.items() if (shown := _shown(own))}
    if not sides:
        return None
    states = [state for state in COLOURS if any(state in own for own in sides.values())]
    first, more = states, states[len(states) :]
    if len(states) > _A_LINE + 1:
        first, more = states[:_A_LINE], states[_A_LINE:]
    words = [Word("Sockets by state, stacked:"), *_legend(first)]
    figure = style.blank_card(title, words, origin)
    figure.words += _legend(more)
    figure.head_and_foot += style.write_words(
        figure, style.LEFT, _SECOND_LINE, _legend(more), size=10
    )
    top = _TOP_OF_TWO if more else _TOP
    height = (top - _BOTTOM - _GAP * (len(sides) - 1)) / len(sides)
    latest_s = max(float(time_s[side][-1]) for side in sides)
    for row, (side, own) in enumerate(sides.items()):
        bottom = top - height - row * (height + _GAP)
        axes = figure.add_axes((_LEFT, bottom, _RIGHT - _LEFT, height))
        _draw_panel(axes, side, time_s[side], own, latest_s)
    middle = (_BOTTOM + top) / 2
    figure.text(0.024, middle, "sockets [count]", rotation=90, size=9.5, color=INK, va="center")
    figure.text(
        (_LEFT + _RIGHT) / 2, 0.078, "time since start [s]", size=9.5, color=INK, ha="center"
    )
    return figure


def _legend(states: list[str]) -> list[Word]:
    """Return the names of states, each with its colour."""
    return [
        word
        for state in states
        for word in (Word("■", COLOURS[state]), Word(state, _text(state), bold=True))
    ]


def _shown(counts: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the states that have a socket, without those that are always the same."""
    return {
        state: counts[state]
        for state in COLOURS
        if state in counts
        and counts[state].any()
        and not (state in _DULL and np.ptp(counts[state]) == 0)
    }


def _draw_panel(
    axes: Axes, side: str, time_s: Floats, counts: Mapping[str, Floats], latest_s: float
) -> None:
    """Draw the steps of one side; each holds until the next look."""
    style.dress(axes)
    end_s = max(latest_s, float(time_s[-1])) + _tick_s(time_s)
    rows = np.column_stack(list(counts.values()))
    turns = np.flatnonzero(np.append(True, np.any(rows[1:] != rows[:-1], axis=1)))
    # What stays the same is one step: a minute of TIME_WAIT would be thousands of corners.
    edges = np.append(time_s[turns], end_s)
    counts = {state: own[turns] for state, own in counts.items()}
    base = np.zeros(len(turns))
    bands: dict[str, tuple[Floats, Floats]] = {}
    for state, own in counts.items():
        bands[state] = base, base + own
        axes.stairs(base + own, edges, baseline=base, fill=True, color=COLOURS[state], lw=0)
        base = base + own
    axes.set_xlim(float(edges[0]) if edges[0] < 0 else 0, float(edges[-1]))
    axes.set_ylim(0, float(base.max()) * 1.06)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.annotate(
        side, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points",
        size=10, weight="bold", color=INK,
    )  # fmt: skip
    _name_bands(axes, edges, bands)
    _add_hits(axes, side, edges, counts)


def _tick_s(time_s: Floats) -> float:
    """Return the time from one look to the next."""
    return float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.1


def _name_bands(axes: Axes, edges: Floats, bands: Mapping[str, tuple[Floats, Floats]]) -> None:
    """Name a band beside the panel where it reaches its end, else inside where it has room.

    What is too narrow for its name has it in the line of words alone.
    """
    ends = [
        (float(low[-1] + high[-1]) / 2, f"{state} {high[-1] - low[-1]:,.0f}", _text(state))
        for state, (low, high) in bands.items()
        if high[-1] > low[-1]
    ]
    labels.name_ends(axes, ends, _WIDE)
    for state, (low, high) in bands.items():
        if high[-1] > low[-1]:
            continue
        name = f"{state} {(high - low).max():,.0f}"
        place = _room(axes, edges, low, high, len(name))
        if place is not None:
            axes.text(
                *place, name, size=_SIZE_PT, weight="bold", color=_text(state), ha="center",
                va="center", path_effects=labels.halo(axes), zorder=5,
            )  # fmt: skip


def _room(
    axes: Axes, edges: Floats, low: Floats, high: Floats, letters: int
) -> tuple[float, float] | None:
    """Return where a band is highest for the whole width of a name, if that is high enough."""
    panel, px_per_pt = axes.get_window_extent(), style.DPI / 72
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    half = letters * _WIDE_PT * px_per_pt / panel.width * (right - left) / 2
    line = _HIGH_PT * px_per_pt / panel.height * (top - bottom)
    best: tuple[float, float, float] | None = None
    for x in (edges[:-1] + edges[1:]) / 2:
        x = min(max(float(x), left + half), right - half)
        under = slice(
            max(0, int(np.searchsorted(edges, x - half, "right")) - 1),
            int(np.searchsorted(edges, x + half, "left")),
        )
        floor, ceiling = float(low[under].max()), float(high[under].min())
        if ceiling - floor >= line and (best is None or ceiling - floor > best[0]):
            best = ceiling - floor, x, (floor + ceiling) / 2
    return None if best is None else best[1:]


def _text(state: str) -> str:
    """Return the colour of a state's name: dark enough to read."""
    pale = {"SYN_RECV": style.SKY, "FIN_WAIT_1": style.ORANGE, "CLOSED": style.FAINT}
    return style.as_text(pale.get(state, COLOURS[state]))


def _add_hits(axes: Axes, side: str, edges: Floats, counts: Mapping[str, Floats]) -> None:
    """Let strips of a panel say what was counted at their beginning."""
    together = -(-(len(edges) - 1) // _STRIPS)
    starts = [*range(0, len(edges) - 1, together), len(edges) - 1]
    for first, last in pairwise(starts):
        lines = [f"{side}, {edges[first]:.1f} s"]
        lines += [f"{state}: {own[first]:,.0f}" for state, own in counts.items() if own[first]]
        hits.hit(axes, (float(edges[first]), float(edges[last])), None, "\n".join(lines))
