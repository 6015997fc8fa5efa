"""Latency by percentile, as HdrHistogram plots it: each step to the right is ten times rarer.

The axis is 1 / (1 - percentile), so that a line ends at its slowest transaction: one in as many as
there were. Latency counts from the intended start, service time from the real one. What lies
between them is left out by a load generator that measures from the real start: coordinated
omission (Gil Tene, "How NOT to Measure Latency").
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tw_bench.report.figures import hits, labels, small_multiples, style
from tw_bench.report.figures.run_data import Floats, PointData, Run
from tw_bench.report.figures.style import FAINT, INK, Card, Word
from tw_bench.results.percentiles import Distribution, Kind
from tw_bench.results.schema import Percentiles
from tw_bench.units import duration_text

_SIDES = (0.092, 0.150, 0.668, 0.650)  # left, bottom, width, height
_NAMES_WIDTH = 0.19  # share of the figure's width
_LONGEST_NAME = 24  # characters
_FEWEST = 20  # transactions; of fewer there is no tail
_FIRST = 1 / (1 - 0.1)
_WIDE = 10.0  # times from the lowest to the highest: then the axis is logarithmic
_HIDDEN = 1.2  # times as long as the service time: then the generator's lag is the finding
_WHOLE = "whole run with its fill"
# Of parts that have no order: each unlike its neighbours.
_PARTS = (
    style.BLUE, style.VERMILLION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY, INK, FAINT,
)  # fmt: skip
_TOLD = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}  # in the summary


class _Line(NamedTuple):
    name: str
    colour: str
    rarity: Floats  # (n,) 1 / (1 - percentile), from 1 to the number of transactions
    value_us: Floats  # (n,)
    told: Percentiles
    is_bold: bool = True  # one that is named


class _Kept(NamedTuple):
    """What was kept of the durations of a point."""

    of: Distribution
    told: Percentiles

    def line(self, name: str, colour: str) -> _Line:
        """Return it as a line that ends at its slowest, which is one in all of them."""
        with np.errstate(divide="ignore"):
            rarity = np.minimum(1 / (1 - self.of.percentile), float(self.of.count[-1]))
        return _Line(name, colour, rarity, self.of.value_us, self.told)


def draw(run: Run) -> Iterator[tuple[str, Card]]:
    """Yield one picture: a line for each point, or latency and service time of a single one."""
    found = [(point, _kept(run, point, "latency")) for point in run.points]
    points = [(point, one) for point, one in found if one is not None]
    if not points:
        return
    if len(points) == 1:
        ((point, latency),) = points
        service = None if _is_closed(point) else _kept(run, point, "service_time")
        lines, title, words = _of_one(latency, service, _start_words(points))
    else:
        lines, title, words = _of_many(points)
    figure = style.card(run, title, words)
    axes = figure.add_axes(_SIDES)
    _draw_lines(axes, lines)
    if len(points) == 1 and len(lines) > 1:
        _shade_gap(axes, *lines)
    yield "percentiles", figure


def _kept(run: Run, point: PointData, kind: Kind) -> _Kept | None:
    """Return the durations of a point, where there are enough of them for a tail."""
    result = point.result
    told = result.latency_us if kind == "latency" else result.service_time_us
    if told is None or told.count < _FEWEST:
        return None
    of = run.distribution(result.id, kind)
    return None if of is None or not len(of.count) else _Kept(of, told)


def _is_closed(point: PointData) -> bool:
    """Whether it is a closed loop: it intends to start when it can."""
    return point.prediction.offered_per_s is None


def _start_words(points: Sequence[tuple[PointData, _Kept]]) -> str:
    """Return from when on the latency counts."""
    closed = [_is_closed(point) for point, _ in points]
    if all(closed):
        return (
            "from the start; a closed loop waits for its target, and does not count who else would"
        )
    return f"from the intended start{', of closed loops the real one' if any(closed) else ''}"


def _of_one(
    latency: _Kept, service: _Kept | None, start: str
) -> tuple[list[_Line], str, list[Word]]:
    """Return the lines of a single point, the finding and its words."""
    lines = [latency.line("latency", style.BLUE)]
    words = [*style.key(style.BLUE, "latency"), Word(start)]
    told = latency.told
    title = f"Half of the transactions took {_text(told.p50)}, 99 % up to {_text(told.p99)}"
    if service is not None:
        lines.append(service.line("service time", style.ORANGE))
        words += [*style.key(style.ORANGE, "service time"), Word("from the real start")]
        words.append(Word("— shaded: what coordinated omission hides"))
        if told.p99 >= _HIDDEN * service.told.p99:
            title = f"p99: {_text(told.p99)} from the intended start, {_text(service.told.p99)} "
            title += "from the real one"
    words.append(Word(f"— {_WHOLE}"))
    return lines, title, words


def _colours(points: Sequence[tuple[PointData, _Kept]]) -> Sequence[str]:
    """Return a colour for each line of a few: a scale where one thing is swept, else any."""
    count = min(len(points), small_multiples.MOST)
    is_sweep = len({point.result.part for point, _ in points}) == 1
    return style.steps(count) if is_sweep else _PARTS[:count]


def _of_many(
    points: Sequence[tuple[PointData, _Kept]],
) -> tuple[list[_Line], str, list[Word]]:
    """Return a line for each point, the finding and its words; of a crowd three are named."""
    colours = _colours(points)
    is_crowd = len(points) > len(colours)
    lines = [
        kept.line(point.result.group, FAINT if is_crowd else colours[index])
        for index, (point, kept) in enumerate(points)
    ]
    order = sorted(range(len(lines)), key=lambda index: lines[index].told.p99)
    low, middle, high = order[0], order[(len(order) - 1) // 2], order[-1]
    words = [Word(f"Latency of all that went well, {_WHOLE}; {_start_words(points)}")]
    if is_crowd:
        named = {low: style.GREEN, middle: INK, high: style.VERMILLION}
        lines = [
            line._replace(is_bold=index in named, colour=named.get(index, FAINT))
            for index, line in enumerate(lines)
        ]
        words.append(Word(f"— named: lowest, middle and highest p99 of {len(lines)}"))
    best, worst = lines[low], lines[high]
    title = f"p99 latency: {_text(best.told.p99)} ({best.name}) to {_text(worst.told.p99)}"
    title = f"{title} ({worst.name})"
    return lines, title, words


def _draw_lines(axes: Axes, lines: Sequence[_Line]) -> None:
    style.dress(axes, size=9)
    _dress_axes(axes, lines)
    for line in lines:
        width, order = (2.0, 3) if line.is_bold else (0.9, 2)
        axes.plot(line.rarity, line.value_us, color=line.colour, lw=width, zorder=order)
        if line.is_bold:
            end = (line.rarity[-1], line.value_us[-1])
            axes.plot(*end, "o", color=line.colour, ms=5, mew=0, zorder=order)
            across = (end[0], axes.get_xlim()[1]), (end[1], end[1])
            axes.plot(*across, color=line.colour, lw=0.8, ls=":", zorder=order)
    named = [line for line in lines if line.is_bold]
    ends = [
        (
            float(line.value_us[-1]),
            f"{small_multiples.shortened(line.name, _LONGEST_NAME)}: slowest "
            f"{_text(line.value_us[-1])}",
            style.as_text(line.colour),
        )
        for line in named
    ]
    labels.name_ends(axes, ends, _NAMES_WIDTH)
    _add_hits(axes, named)


def _dress_axes(axes: Axes, lines: Sequence[_Line]) -> None:
    most = max(float(line.rarity[-1]) for line in lines)
    # The first tenth says nothing, and its lowest value would stretch the axis.
    low = min(float(np.interp(_FIRST, line.rarity, line.value_us)) for line in lines)
    high = max(float(line.value_us[-1]) for line in lines)
    axes.set_xscale("log")
    axes.set_xlim(1, most * 1.15)
    decades = [10.0**power for power in range(1, 7) if 10.0**power <= most]
    axes.xaxis.set_major_locator(FixedLocator([1, 2, *decades]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _percent(1 - 1 / value)))
    axes.set_xlabel(
        "percentile [%]; a line ends at its slowest transaction", size=9.5, color=INK, labelpad=5
    )
    if high > _WIDE * low:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.25, high * 1.25)
        subs = (1.0, 2.0, 5.0) if high < 1e3 * low else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(10, subs=subs))
    else:
        axes.set_ylim(0, high * 1.1)
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _text(value) if value else "0"))
    axes.set_ylabel("duration [ms, s]", size=9.5, color=INK)


def _shade_gap(axes: Axes, latency: _Line, service: _Line) -> None:
    """Shade what lies between the two, as far as both go."""
    rarity = np.unique(np.concatenate([latency.rarity, service.rarity]))
    both = [np.interp(rarity, line.rarity, line.value_us) for line in (latency, service)]
    axes.fill_between(rarity, *both, color=style.SHADE, lw=0, zorder=1)


def _add_hits(axes: Axes, lines: Sequence[_Line]) -> None:
    """Let strips around the usual percentiles say each line's value there, and the slowest."""
    right = axes.get_xlim()[1]
    names = [name for name, share in _TOLD.items() if 1 / (1 - share) < right]
    middles = [1 / (1 - _TOLD[name]) for name in names]
    edges = [1.0, *(float(np.sqrt(low * high)) for low, high in pairwise(middles)), right]
    for name, strip in zip(names, pairwise(edges), strict=True):
        values = [f"{line.name}: {_said(line, name)}" for line in lines]
        hits.hit(axes, strip, None, "\n".join([f"{_percent(_TOLD[name])} %", *values]))


def _said(line: _Line, name: str) -> str:
    """Return a percentile of a line and its slowest; of too few that is all there is to say."""
    slowest = f"at most {_text(line.told.max)}"
    is_few = line.told.count * (1 - _TOLD[name]) < 0.999  # 1,000 have a p99.9
    return slowest if is_few else f"{_text(getattr(line.told, name))}, {slowest}"


def _percent(share: float) -> str:
    """Return a share in percent, with the nines that it has.

    >>> [_percent(share) for share in (0.0, 0.5, 0.9, 0.999, 0.99999)]
    ['0', '50', '90', '99.9', '99.999']
    """
    return f"{round(100 * share, 6):g}" if share < 0.9999 else f"{100 * share:.6f}".rstrip("0")


def _text(us: float) -> str:
    return duration_text(us / 1e6)
