"""A search for the highest clean rate: its probes, the interval that they leave, the prediction."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tw_bench.report.figures import labels, lapse_banner, style
from tw_bench.report.figures.hits import hit
from tw_bench.report.figures.run_data import Run
from tw_bench.report.figures.style import INK, Card, Look, Word
from tw_bench.report.found_text import exact
from tw_bench.results.schema import Found, PointResult, ProbeResult

_TOP, _BOTTOM = (0.092, 0.435, 0.873, 0.345), (0.092, 0.135, 0.873, 0.250)
_NEAR = 1.9  # times: about half of the limit, where a search begins, is near; its double is not
_DECADES = 5  # highest / lowest from here on: ticks at 1, 2 and 5
_ROOM = 1.06  # beside the lowest and the highest probe, on a logarithmic axis
_LOOKS = {
    "clean": Look(style.GREEN, "s", "■"),
    "refusals": Look(style.BLUE, "o", "●"),
    "errors": Look(style.PURPLE, "D", "◆"),
    "missed": Look(style.PURPLE, "P", "✚"),
    "latency": Look(style.ORANGE, "v", "▼"),
    "generator": Look(style.VERMILLION, "^", "▲"),
}


class _Probe(NamedTuple):
    result: ProbeResult
    point: PointResult

    @property
    def share(self) -> float:
        """Goodput in percent of what was asked for."""
        measured = self.point.measured
        return 100 * measured.goodput_per_s / self.result.rate_per_s if measured else 0.0


def draw(run: Run) -> Iterator[tuple[str, Card]]:
    """Yield one picture of a search, if one of its probes was measured."""
    found = run.summary.found
    if found is None:
        return
    pairs = zip(found.probes, run.summary.points, strict=True)
    probes = [_Probe(result, point) for result, point in pairs if result.outcome in _LOOKS]
    if not probes:
        return
    lapsed = [point.prediction for point in run.points if point.prediction.time_lapse]
    near = [probe for probe in probes if _is_near(found, probe.result.rate_per_s)]
    figure = style.card(run, _title(found), _words(found, probes, len(probes) - len(near)))
    through, latency = figure.add_axes(_TOP), figure.add_axes(_BOTTOM)
    for axes in (through, latency):
        style.dress(axes, time_lapse=bool(lapsed), size=9)
        _dress_rates(axes, found, near)
    numbers = [probe.id for probe in found.probes]
    _draw_goodput(through, near, numbers)
    _draw_latency(latency, found, near)
    _name_lines(through, found)
    if lapsed:
        figure.text(
            style.RIGHT, 0.79, lapse_banner.time_lapse_text(run, lapsed[0]), size=8,
            color=style.as_text(style.ORANGE), ha="right", weight="bold",
        )  # fmt: skip
    yield "max-rate", figure


def _is_near(found: Found, rate_per_s: float) -> bool:
    """Whether a rate is so near to the interval that a panel with it still shows this."""
    low, high = found.interval_per_s
    if low is None or high is None:
        return True
    return low / _NEAR <= rate_per_s <= high * _NEAR


def _title(found: Found) -> str:
    low, high = found.interval_per_s
    if low is None:
        return "No rate that was tried is clean"
    if high is None:
        return f"Clean up to {exact(low)}: the knee lies above"
    if found.outcome == "generator":
        return f"Clean up to {exact(low)}; above, the generator is the limit"
    return f"The highest clean rate is {exact(low)}; {exact(high)} is not clean"


def _words(found: Found, probes: Sequence[_Probe], outside: int) -> list[Word]:
    met = dict.fromkeys(probe.result.outcome for probe in probes)
    words = [Word(f"{len(probes)} probes:")]
    for outcome in met:
        look = _LOOKS[outcome]
        words += [
            Word(look.glyph, look.colour),
            Word(outcome, style.as_text(look.colour), bold=True),
        ]
    if None not in found.interval_per_s:
        words.append(Word("— shaded: where the knee lies"))
    if outside:
        words.append(Word(f"— {outside} far off {'is' if outside == 1 else 'are'} left out"))
    return words


def _dress_rates(axes: Axes, found: Found, probes: Sequence[_Probe]) -> None:
    """Draw the axis of rates, with the interval and the predicted limit on it."""
    rates = [probe.result.rate_per_s for probe in probes]
    limit = found.predicted_per_s
    shown = [*rates, *([limit] if limit is not None else [])]
    axes.set_xscale("log")
    axes.set_xlim(min(shown) / _ROOM, max(shown) * _ROOM)
    _tick(axes.xaxis, max(shown) / min(shown))
    low, high = found.interval_per_s
    if low is not None and high is not None:
        axes.axvspan(low, high, color=style.SKY, alpha=0.25, lw=0)
    if limit is not None:
        axes.axvline(limit, color=INK, lw=1.2, linestyle=(0, (4, 2)))


def _tick(axis: Axis, times: float) -> None:
    """Give a logarithmic axis a few ticks, whether it spans decades or a few percent."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)) if times > _DECADES else MaxNLocator(6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: style.short_number(value)))
    axis.set_minor_locator(NullLocator())


def _draw_goodput(axes: Axes, probes: Sequence[_Probe], order: Sequence[str]) -> None:
    axes.tick_params(labelbottom=False)
    axes.set_ylabel("goodput of what\nwas offered [%]", size=9, color=INK)
    axes.set_ylim(min(80.0, *(probe.share for probe in probes)) - 8, 106)
    beside = labels.Labels(axes)
    for probe in probes:
        rate, look = probe.result.rate_per_s, _LOOKS[probe.result.outcome]
        axes.plot(rate, probe.share, look.marker, color=look.colour, ms=7, mew=0)
        beside.keep_free(rate, probe.share)
        hit(axes, rate, probe.share, _tip(probe, order))
    for probe in probes:
        number = str(order.index(probe.result.id) + 1)
        at = probe.result.rate_per_s, probe.share
        beside.add(number, at, [(0, -7), (0, 7), (8, 0)], size=7.5, color=style.MUTED)


def _tip(probe: _Probe, order: Sequence[str]) -> str:
    """Return what a probe says where it is pointed at."""
    result, values = probe.result, probe.point.latency_us
    lines = [
        f"probe {order.index(result.id) + 1}: {style.short_rate(result.rate_per_s)}",
        f"{result.outcome}{f': {result.reason}' if result.reason else ''}",
        f"goodput {probe.share:.2f} % of what was offered",
    ]
    if values is not None:
        lines.append(f"latency p50 {values.p50 / 1e3:.3g} ms, p99 {values.p99 / 1e3:.3g} ms")
    return "\n".join(lines)


def _draw_latency(axes: Axes, found: Found, probes: Sequence[_Probe]) -> None:
    axes.set_yscale("log")
    shown = []
    for name, filled in (("p99", True), ("p50", False)):
        for probe in probes:
            values, look = probe.point.latency_us, _LOOKS[probe.result.outcome]
            if values is None:
                continue
            shown.append(getattr(values, name) / 1e3)
            face = look.colour if filled else axes.get_facecolor()
            at = probe.result.rate_per_s, shown[-1]
            axes.plot(*at, look.marker, color=look.colour, mfc=face, ms=5.5, mew=1.2)
            hit(axes, *at, _tip(probe, [each.id for each in found.probes]))
        if name in found.latency_allowed_us:
            shown.append(found.latency_allowed_us[name] / 1e3)
            axes.axhline(shown[-1], color=style.ORANGE, lw=1.2, ls="-" if filled else ":")
    if shown:
        axes.set_ylim(min(shown) / 1.5, max(shown) * 1.5)
        _tick(axes.yaxis, max(shown) / min(shown) * _DECADES)
    axes.set_ylabel("latency [ms]\np99, p50 (open)", size=9, color=INK)
    axes.set_xlabel("offered rate [1/s]; numbers: the order of the probes", size=9.5, color=INK)


def _name_lines(axes: Axes, found: Found) -> None:
    if found.predicted_per_s is None:
        return
    axes.annotate(
        f"predicted {style.short_rate(found.predicted_per_s)}", (found.predicted_per_s, 0), (-5, 5),
        xycoords=("data", "axes fraction"), textcoords="offset points", ha="right", va="bottom",
        size=8.5, color=INK, path_effects=labels.halo(axes),
    )  # fmt: skip
