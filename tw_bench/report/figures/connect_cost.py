"""What a connect() call costs, against how full the range is.

connect() tries the ports of one parity first, so above half of the range every call begins with
a search through the other half that fails (__inet_hash_connect, net/ipv4/inet_hashtables.c).
The median of a second is shown, for the mean is at the mercy of whatever else the machine does.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from tw_bench.report.figures import hits, labels, small_multiples, style
from tw_bench.report.figures.call_costs import Calls, calls, median
from tw_bench.report.figures.run_data import Floats, Run
from tw_bench.report.figures.style import FAINT, INK, Card, Word

_SIDES = (0.092, 0.150, 0.708, 0.650)  # left, bottom, width, height
_JUMP = 1.5  # times as long above half of the range as below: then it is a jump
_REFUSED_AT = 108  # on the axis of percents


class _Line(NamedTuple):
    calls: Calls
    colour: str
    name: str  # nothing: named with another

    @property
    def end(self) -> tuple[float, float]:
        """(occupancy, duration) where the line ends."""
        percent, us = self.calls.binned(self.calls.p50_us)
        return float(percent[-1]), float(us[-1])


def draw(run: Run) -> Iterator[tuple[str, Card]]:
    """Yield one picture, a line for each of up to eight sizes of range."""
    found = calls(run.points)
    searched, note = small_multiples.choose([one for one in found if not one.own_range])
    own_range, _ = small_multiples.choose([one for one in found if one.own_range])
    if not found or small_multiples.is_crowd(run):
        return
    words = [Word("● median of a second — bold: median of those — thin: p99 — ✖ only refusals")]
    if own_range:
        words.append(Word("— dashed: IP_LOCAL_PORT_RANGE"))
    figure = style.card(run, _title(searched, own_range), [*words, *note])
    axes = figure.add_axes(_SIDES)
    _draw_lines(axes, _lines(searched or own_range, own_range if searched else []))
    yield "connect-cost", figure


def _title(searched: Sequence[Calls], own_range: Sequence[Calls]) -> str:
    """Return the finding: the jump at half of the range, in the range that feels it most."""
    if not searched:
        typical = _time_text(median(np.concatenate([one.p50_us for one in own_range])))
        return f"With IP_LOCAL_PORT_RANGE connect() takes {typical}, however full the range is"
    below = median(np.array([one.below_us for one in searched if one.below_us > 0]))
    above = max((one.above_us for one in searched if one.above_us > 0), default=np.nan)
    if np.isnan(above) or np.isnan(below):
        typical = _time_text(above if np.isnan(below) else below)
        return (
            f"connect() takes {typical} {'above' if np.isnan(below) else 'below'} half of a range"
        )
    if above / below < _JUMP:
        return f"connect() takes {_time_text(above)}, however full the range is"
    upto = "up to " if len(searched) > 1 else ""
    low, high = _time_text(below), _time_text(above)
    return f"connect(): {low} below half of the range, {upto}{high} above"


def _lines(named: Sequence[Calls], together: Sequence[Calls]) -> list[_Line]:
    """Return the lines in the colours of their ports, dark for many."""
    shades = style.steps(len(named))
    colours = {one.ports: shade for one, shade in zip(named, shades, strict=True)}
    if len(named) == 1:
        colours = {named[0].ports: style.BLUE}
    lines = [_Line(one, colours[one.ports], f"{one.ports:,} ports") for one in named]
    for one in together:
        name = "own range" if one is together[-1] else ""
        lines.append(_Line(one, colours.get(one.ports, INK), name))
    return lines


def _draw_lines(axes: Axes, lines: Sequence[_Line]) -> None:
    style.dress(axes, size=9)
    axes.set_yscale("log")
    for of, colour, _ in lines:
        size = 3.2 if len(of.p50_us) > 40 else 5
        dashes = (0, (4, 2)) if of.own_range else "solid"
        axes.plot(of.percent, of.p50_us, "o", color=colour, ms=size, mew=0, alpha=0.45)
        axes.plot(*_widened(*of.binned(of.p50_us)), color=colour, lw=2.2, linestyle=dashes)
        if of.own_range == lines[0].calls.own_range:
            axes.plot(*_widened(*of.binned(of.p99_us)), color=colour, lw=0.9, alpha=0.5)
            axes.plot(_REFUSED_AT, of.refused_us, "X", color=colour, ms=7, mew=0)
        _add_hits(axes, of)
    _dress_axes(axes, any(line.calls.refused_us > 0 for line in lines))
    _name_lines(axes, [line for line in lines if line.name])


def _add_hits(axes: Axes, of: Calls) -> None:
    """Let the line say its values, bin by bin, and the mark of the refused calls its own."""
    name = f"{of.ports:,} ports{', own range' if of.own_range else ''}"
    percent, p50_us = of.binned(of.p50_us)
    _, p99_us = of.binned(of.p99_us)
    for at, median_us, high_us in zip(percent, p50_us, p99_us, strict=True):
        tail = "" if np.isnan(high_us) else f", p99 {_time_text(high_us)}"
        said = f"{name}, {at:.0f} % in TIME_WAIT\nconnect(): median {_time_text(median_us)}{tail}"
        hits.hit(axes, float(at), float(median_us), said)
    if of.refused_us > 0:
        said = f"{name}, full\na refused connect(): {_time_text(of.refused_us)}"
        hits.hit(axes, _REFUSED_AT, of.refused_us, said)


def _widened(percent: Floats, us: Floats) -> tuple[Floats, Floats]:
    """Return a line that can be seen where it is but one bin."""
    if len(percent) > 1:
        return percent, us
    return np.array([percent[0] - 2, min(percent[0] + 2, 100)]), np.array([us[0], us[0]])


def _dress_axes(axes: Axes, has_refused: bool) -> None:
    axes.set_xlim(0, _REFUSED_AT + 4 if has_refused else 101)
    axes.xaxis.set_major_locator(FixedLocator([0, 25, 50, 75, 100, _REFUSED_AT]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: "refused" if value == _REFUSED_AT else f"{value:.0f}")
    )
    axes.set_xlabel("usable ports in TIME_WAIT [%]", size=9.5, color=INK, labelpad=5)
    axes.set_ylabel("duration of a connect() call [µs, ms]", size=9.5, color=INK)
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _time_text(value)))
    axes.axvline(50, color=INK, lw=0.9, ls="--", zorder=1)
    axes.annotate(
        "half of the range",
        (50, 1),
        (-5, -6),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="right",
        va="top",
        size=9,
        color=INK,
    )
    if has_refused:
        axes.axvline(102.5, color=FAINT, lw=0.8)


def _name_lines(axes: Axes, lines: Sequence[_Line]) -> None:
    """Write beside the panel whose line ends where; one that ends early is named at its end."""
    ends = []
    for line in lines:
        percent, us = line.end
        text = f"{line.name}: {_time_text(us)}"
        if percent < 90:
            place: dict[str, Any] = {
                "textcoords": "offset points",
                "size": 9,
                "weight": "bold",
                "va": "center",
                "path_effects": labels.halo(axes),
            }
            axes.annotate(text, line.end, (6, 8), color=style.as_text(line.colour), **place)
        else:
            ends.append((us, text, style.as_text(line.colour)))
    labels.name_ends(axes, ends)


def _time_text(us: float) -> str:
    """Return microseconds with two digits, as µs or ms."""
    return f"{us / 1000:.2g} ms" if us >= 995 else f"{float(f'{us:.2g}'):g} µs"
