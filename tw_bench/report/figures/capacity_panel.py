"""The panel of the capacity picture: walls over ports, what is feasible, asked and there now."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tw_bench.plan.capacity_plan import CapacityPlan
from tw_bench.report.figures import capacity_column, labels, style
from tw_bench.report.figures.capacity_curve import Curve, Line
from tw_bench.report.figures.style import BLUE, FAINT, INK, MUTED, PURPLE, VERMILLION

FEASIBLE, AT_A_PRICE = "#E1EEF6", "#F8EDF3"  # BLUE and PURPLE, very light
_BOX = (0.1, 0.148, 0.453, 0.612)  # left, bottom, width, height; shares of the figure
_FAR = 3_000  # times what there is or is asked: what lies above is shown at the edge
_AIR = 1.9  # times, above the highest and below the lowest
_WIDE_DECADE_PT = 75  # enough for ticks within it
_STEP_PT = 3.0  # between places of a line that no text may cover
_POINTS_IN = 72
# Points from a place of a line: rather on than before it.
_LINE_PLACES = (((4, 5), (4, -5)), ((0, 5), (0, -5), (-4, 5), (-4, -5)))
# Points from the present point: below it, where it cannot be taken for a remedy's name.
_NOW_PLACES = (
    *((10, -9), (10, 0), (0, -9), (-5, -14), (-5, -22), (-5, -32), (5, -14), (5, -22), (-10, 9)),
    *((-10, 0), (10, 9), (-5, -44)),
)


def panel(figure: Figure, plan: CapacityPlan, curve: Curve) -> Axes:
    """Return axes of usable ports and requests a second, both logarithmic."""
    axes = figure.add_axes(_BOX)
    style.dress(axes)
    axes.set_xscale("log")
    axes.set_yscale("log")
    present_ports = plan.environment.usable_ports or curve.ports[0]
    axes.set_xlim(min(curve.ports[0], 0.7 * present_ports), curve.ports[-1] * 1.28)
    axes.set_ylim(*heights(plan, curve))
    for axis, ticks in (
        (axes.xaxis, _port_ticks(axes, plan, curve)),
        (axes.yaxis, _rate_ticks(axes)),
    ):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: style.short_number(value)))
    whole = plan.environment.range_per == "host"
    where = "the host" if whole else f"one {_whose(plan)} address"
    axes.set_xlabel(f"usable ports of {where} [count], logarithmic", size=9, color=INK)
    axes.set_ylabel("requests [1/s], logarithmic", size=9, color=INK)
    heading = axes.set_title(
        _service_text(plan), loc="left", size=10, weight="bold", color=INK, pad=6
    )
    style.shrink(heading, _BOX[2])
    return axes


def _whose(plan: CapacityPlan) -> str:
    return "gateway" if plan.environment.is_gateway else "source"


def _service_text(plan: CapacityPlan) -> str:
    demand = plan.demand
    counts = (
        (demand.sources, f"{_whose(plan)} address", f"{_whose(plan)} addresses"),
        (demand.destinations, "destination", "destinations"),
        (demand.requests_per_connection, "request a connection", "requests a connection"),
    )
    return ", ".join(f"{count:,.10g} {one if count == 1 else many}" for count, one, many in counts)


def heights(plan: CapacityPlan, curve: Curve) -> tuple[float, float]:
    """Return the ends of the y axis: all that is asked, carried or soft, and what would lift it."""
    soft = [wall.limit_per_s for wall in plan.walls if not wall.refuses]
    always = [plan.limit_per_s, plan.demand.rate_per_s or 0.0]
    lifted = [remedy.limit_per_s for remedy in plan.remedies]
    low = min(filter(None, [*always, *soft, *lifted, *curve.limits_per_s]), default=1.0)
    highest = max(*always, low)
    near = [min(limit, highest * _FAR) for limit in lifted]
    return low / _AIR, max([highest, *soft, *near]) * _AIR


def _rate_ticks(axes: Axes) -> list[float]:
    low, high = axes.get_ylim()
    decade_pt = _size_pt(axes)[1] / math.log10(high / low)
    steps = (1, 2, 5) if decade_pt > _WIDE_DECADE_PT else (1,)
    return list(_round_numbers(low, high, steps))


def _port_ticks(axes: Axes, plan: CapacityPlan, curve: Curve) -> list[float]:
    """Return the present ports, the most there can be, and round numbers where there is room."""
    low, high = axes.get_xlim()
    wanted: list[float] = [plan.environment.usable_ports, curve.ports[-1]]
    for step in (1, 5, 2):
        wanted += _round_numbers(low, high, (step,))
    kept: dict[float, tuple[float, float]] = {}
    for tick in wanted:
        if not low <= tick <= high:
            continue
        middle_pt = math.log(tick / low) / math.log(high / low) * _size_pt(axes)[0]
        half_pt = len(style.short_number(tick)) * 2.5 + 4
        ends = middle_pt - half_pt, middle_pt + half_pt
        if all(ends[1] <= left or right <= ends[0] for left, right in kept.values()):
            kept[tick] = ends
    return sorted(kept)


def _round_numbers(low: float, high: float, steps: Sequence[int]) -> Iterator[float]:
    for decade in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        yield from (step * 10.0**decade for step in steps if low <= step * 10.0**decade <= high)


def _size_pt(axes: Axes) -> tuple[float, float]:
    frame = axes.get_window_extent()
    return frame.width * _POINTS_IN / style.DPI, frame.height * _POINTS_IN / style.DPI


def draw(axes: Axes, plan: CapacityPlan, curve: Curve) -> None:
    """Draw walls, limit, rate, the present and the remedies; then name them where there is room."""
    low, _ = axes.get_ylim()
    ends = low / 10, axes.get_ylim()[1] * 10  # nothing and everything have no place on a logarithm
    limits = np.clip(curve.limits_per_s, *ends)
    refused_from = np.clip(curve.refused_from_per_s, *ends)
    axes.fill_between(curve.ports, ends[0], limits, color=FEASIBLE, lw=0, zorder=0.4)
    axes.fill_between(curve.ports, limits, refused_from, color=AT_A_PRICE, lw=0, zorder=0.4)
    for line in curve.lines:
        if line.refuses:
            axes.plot(line.ports, line.limits_per_s, color=MUTED, lw=0.9, zorder=2)
    axes.plot(curve.ports, refused_from, color=BLUE, lw=2.4, zorder=3, solid_joinstyle="round")
    for line in curve.lines:
        if not line.refuses:
            axes.plot(line.ports, line.limits_per_s, color=PURPLE, lw=2, ls="dashed", zorder=3.1)
    if plan.demand.rate_per_s is not None:
        axes.axhline(plan.demand.rate_per_s, color=VERMILLION, lw=1.8, zorder=2.5)
    at = present(axes, plan)
    axes.axvline(at[0], color=FAINT, lw=0.9, linestyle="dotted", zorder=1.4)
    capacity_column.draw_points(axes, plan.remedies)
    marker = "D" if plan.limit_per_s else "v"
    axes.plot(*at, marker, color=INK, ms=8, mec="white", mew=1.2, zorder=6, clip_on=False)
    _name(axes, plan, curve)


def present(axes: Axes, plan: CapacityPlan) -> tuple[float, float]:
    """Return where the present point is drawn: at the edge if it is none or nothing."""
    left, bottom = axes.get_xlim()[0], axes.get_ylim()[0]
    ports, limit = plan.environment.usable_ports, plan.limit_per_s
    (_, height_pt), decades = _size_pt(axes), math.log10(axes.get_ylim()[1] / bottom)
    return max(ports, left), max(limit, bottom * 10 ** (decades * 5 / height_pt))


def _name(axes: Axes, plan: CapacityPlan, curve: Curve) -> None:
    texts = labels.Labels(axes)
    at = present(axes, plan)
    rate = plan.demand.rate_per_s
    left, right = axes.get_xlim()
    _keep_line(axes, texts, curve.ports, curve.refused_from_per_s, 1.6)
    for line in curve.lines:
        _keep_line(axes, texts, line.ports, line.limits_per_s, 0.8)
    if rate is not None:
        _keep_line(axes, texts, (left, right), (rate, rate), 1.2)
    for remedy in plan.remedies:
        place = capacity_column.height(axes, remedy)
        texts.keep_free(remedy.ports, place, 5)
        _keep_line(axes, texts, (remedy.ports, right), (place, place), 0.6)
    texts.keep_free(*at, 5)
    halo: dict[str, Any] = {"path_effects": labels.halo(axes), "zorder": 7}
    strong: dict[str, Any] = {"size": 9, "weight": "bold", **halo}
    now = f"now: {style.short_rate(plan.limit_per_s)}"
    texts.add(now, at, _NOW_PLACES, color=INK, **strong)
    _keep_line(axes, texts, (at[0], at[0]), axes.get_ylim(), 0.6)
    if rate is not None:
        _name_along(
            axes,
            texts,
            f"asked: {style.short_rate(rate)}",
            ((left, right), (rate, rate)),
            color=style.as_text(VERMILLION),
            **strong,
        )
    for line in sorted(curve.lines, key=lambda line: line.name != plan.binding):
        _name_wall(axes, texts, line, halo, is_lowest=line.name == plan.binding)
    _name_region(axes, texts, curve)


def _name_wall(
    axes: Axes, texts: labels.Labels, line: Line, halo: dict[str, Any], *, is_lowest: bool
) -> None:
    colour = style.as_text(PURPLE) if not line.refuses else BLUE if is_lowest else MUTED
    text = line.name
    if line.is_level:
        found = next(limit for limit in line.limits_per_s if not math.isnan(limit))
        text = f"{text}: {style.short_rate(found)}"
    along = (line.ports, line.limits_per_s)
    weight = "bold" if is_lowest else "normal"
    _name_along(axes, texts, text, along, color=colour, size=8.5, weight=weight, **halo)


def _name_region(axes: Axes, texts: labels.Labels, curve: Curve) -> None:
    """Say what is below the lowest wall, as far right and as high as there is room."""
    low, _ = axes.get_ylim()
    for ports, limit in zip(reversed(curve.ports), reversed(curve.limits_per_s), strict=True):
        for share in (0.5, 0.35, 0.2):
            height = low * (max(limit, low) / low) ** share
            if texts.add("nothing is refused", (ports, height), ((-6, 0),), color=BLUE, size=8.5):
                return


def _name_along(
    axes: Axes,
    texts: labels.Labels,
    text: str,
    along: tuple[Sequence[float], Sequence[float]],
    **look: Any,
) -> None:
    """Write a line's name beside it, at the first place that is free: not at its very end."""
    found = list(_steps(axes, *along, step_pt=8))
    first = len(found) // 6
    for places in _LINE_PLACES:
        for at in found[first:] + found[:first]:
            if texts.add(text, at, places, **look):
                return


def _keep_line(
    axes: Axes,
    texts: labels.Labels,
    ports: Sequence[float],
    limits_per_s: Sequence[float],
    radius_pt: float,
) -> None:
    """Let no text cover a line."""
    for at in _steps(axes, ports, limits_per_s, _STEP_PT):
        texts.keep_free(*at, radius_pt=radius_pt)


def _steps(
    axes: Axes, ports: Sequence[float], limits_per_s: Sequence[float], step_pt: float
) -> Iterator[tuple[float, float]]:
    """Yield places of a line inside the panel, from the left, `step_pt` apart."""
    low, high = axes.get_ylim()
    inside = np.clip(np.asarray(limits_per_s, float), low / 10, high * 10)
    known = ~np.isnan(inside)
    pixels = axes.transData.transform(np.column_stack([np.asarray(ports)[known], inside[known]]))
    if not len(pixels):
        return
    way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(pixels, axis=0).T))])
    marks = np.arange(0, way[-1] + 1, step_pt * style.DPI / _POINTS_IN)
    found = np.column_stack([np.interp(marks, way, pixels[:, side]) for side in (0, 1)])
    for x, y in axes.transData.inverted().transform(found):
        if low <= y <= high:
            yield float(x), float(y)
