"""The two panels of the port-range picture: the law, and its last few percent."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MultipleLocator, NullLocator

from tw_bench.report.figures import labels, style
from tw_bench.report.figures.hits import hit
from tw_bench.report.figures.style import FAINT, INK, MUTED, NO_VERDICT, VERDICTS

FOLKLORE_PORTS, FOLKLORE_PER_S = 30_000, 500  # what the web answers

_LAW_SIDES, _RATIO_SIDES = (0.092, 0.425), (0.602, 0.225)  # left, width; shares of the figure
_BOTTOM, _TOP, _TOP_BELOW_BANNER = 0.155, 0.775, 0.715
_NAME_HEIGHT_PT = 46  # four lines
_CROWD = 16  # marks: of more, the edges would be all that is seen
_NEAR_PERCENT = 5  # a point farther from every limit is shown at the panel's edge


class Dot(NamedTuple):
    """A measured point."""

    ports: int
    per_s: float
    verdict: str

    @property
    def is_full(self) -> bool:
        """Whether the ports were the limit."""
        return self.verdict == "port-bound"


class Limit(NamedTuple):
    """A limit of every range: ports / hold_s."""

    name: str
    meaning: str
    hold_s: float
    dashes: str
    time_lapse: bool


def seconds_text(seconds: float) -> str:
    """Return a hold time with two decimals where it has any."""
    return f"{round(seconds, 2):g} s"


def draw_law(figure: Figure, dots: Sequence[Dot], limits: Sequence[Limit], quantity: str) -> None:
    """Draw goodput over ports, both logarithmic, each point with its value."""
    axes = _panel(figure, _LAW_SIDES, limits, "Goodput follows the number of ports")
    _port_axis(axes, dots, limits, margin=2.4)
    low, high = axes.get_xlim()
    axes.set_yscale("log")
    axes.set_ylim(
        min([low / limits[-1].hold_s, *(dot.per_s / 2 for dot in dots)]),
        max([high / limits[0].hold_s, *(dot.per_s * 2 for dot in dots)]),
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel(f"goodput [{quantity}/s]", size=9.5, color=INK)
    for limit in limits:
        ends = low / limit.hold_s, high / limit.hold_s
        axes.plot((low, high), ends, linestyle=limit.dashes, color=INK, lw=0.8)
    texts = labels.Labels(axes)
    for step in range(101):
        ports = low * (high / low) ** (step / 100)
        texts.keep_free(ports, ports / limits[0].hold_s, radius_pt=0.5)
    for dot in dots:
        texts.keep_free(dot.ports, dot.per_s)
    if not limits[0].time_lapse:
        _draw_folklore(axes, texts, limits)
    _name_lines(axes, texts, limits)
    for dot in reversed(dots):
        _draw_dot(axes, dot, dot.per_s, len(dots))
        hit(axes, dot.ports, dot.per_s, _tip(dot, limits))
    for dot in reversed(sorted(set(dots))):
        places = ((6, -5), (7, 0), (5, -9), (-6, 6), (-7, 0), (0, -8), (0, 8))
        texts.add(
            style.rate_text(dot.per_s),
            (dot.ports, dot.per_s),
            places,
            **_text_style(dot),
            path_effects=labels.halo(axes),
        )


def _panel(
    figure: Figure, sides: tuple[float, float], limits: Sequence[Limit], heading: str
) -> Axes:
    top = _TOP_BELOW_BANNER if limits[0].time_lapse else _TOP
    axes = figure.add_axes((sides[0], _BOTTOM, sides[1], top - _BOTTOM))
    style.dress(axes, time_lapse=limits[0].time_lapse)
    axes.set_title(heading, loc="left", size=10, weight="bold", color=INK, pad=6)
    return axes


def _draw_dot(axes: Axes, dot: Dot, height: float, many: int) -> None:
    """Draw a mark; in a crowd a small one whose edge does not cover its neighbours."""
    look = VERDICTS.get(dot.verdict, NO_VERDICT)
    size, edge = (7.5, 1.0) if many <= _CROWD else (4.5, 0.15)
    axes.plot(
        dot.ports, height, look.marker, color=look.colour, ms=size, mew=edge, mec="white", zorder=4
    )


def _tip(dot: Dot, limits: Sequence[Limit]) -> str:
    """Return what a point says where it is pointed at."""
    limit = limits[min(1, len(limits) - 1)]
    predicted = dot.ports / limit.hold_s
    return (
        f"{dot.ports:,} ports: {dot.verdict}\ngoodput {style.rate_text(dot.per_s)}\n"
        f"{limit.name.replace('limit', 'predicted')} limit {style.rate_text(predicted)}\n"
        f"{100 * (dot.per_s / predicted - 1):+.2f} % from it"
    )


def _text_style(dot: Dot) -> dict[str, Any]:
    look = VERDICTS.get(dot.verdict, NO_VERDICT)
    return {"size": 8.5, "color": style.as_text(look.colour), "weight": "bold"}


def _draw_folklore(axes: Axes, texts: labels.Labels, limits: Sequence[Limit]) -> None:
    """Mark what the web says, and what a kernel would do with as many ports."""
    at = (FOLKLORE_PORTS, FOLKLORE_PER_S)
    axes.plot(*at, "x", color=INK, ms=8, mew=1.8, zorder=5)
    texts.keep_free(*at)
    hold_s = limits[min(1, len(limits) - 1)].hold_s
    kernel = f"{at[0]:,} / {seconds_text(hold_s)} = {at[0] / hold_s:.0f}/s"
    text = axes.annotate(
        f"folklore: {at[0]:,} ports → {at[1]}/s\nno Linux kernel does exactly that:\n{kernel}",
        at,
        (0.03, 0.955),
        textcoords="axes fraction",
        size=8.5,
        color=INK,
        va="top",
        linespacing=1.35,
        arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.8, "shrinkB": 6, "relpos": (1, 0.8)},
    )
    texts.keep_box(text)


def _name_lines(axes: Axes, texts: labels.Labels, limits: Sequence[Limit]) -> None:
    holds = " | ".join(f"{round(limit.hold_s, 2):g}" for limit in limits)
    text = f"usable ports / {holds} s"
    if len(limits) > 1:
        apart = 100 * (limits[-1].hold_s / limits[0].hold_s - 1)
        text = f"{len(limits)} lines: {text},\n{apart:.1f} % apart, told apart on the right"
    where: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "bottom"}
    texts.keep_box(axes.text(0.975, 0.03, text, size=8, color=MUTED, **where))


def draw_ratio(figure: Figure, dots: Sequence[Dot], limits: Sequence[Limit]) -> None:
    """Draw goodput as a share of the highest limit, so that one percent is seen."""
    heading = "The same, magnified: on which limit?" if len(limits) > 1 else "The same, magnified"
    axes = _panel(figure, _RATIO_SIDES, limits, heading)
    _port_axis(axes, dots, limits, margin=1.5)
    levels = [100 * limits[0].hold_s / limit.hold_s for limit in limits]
    shares = [100 * dot.per_s * limits[0].hold_s / dot.ports for dot in dots]
    near = [share for share in shares if _is_near(share, levels)]
    least = 0.9 if len(levels) > 1 else 2.4
    bottom, top = (
        min([levels[-1] - least, *(share - 0.9 for share in near)]),
        max([100 + least, *(share + 0.9 for share in near)]),
    )
    axes.set_ylim(bottom, top)
    axes.yaxis.set_major_locator(MultipleLocator(1 if top - bottom < 8 else 2))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    base = f"ports / {seconds_text(limits[0].hold_s)}"
    axes.set_ylabel(f"goodput [% of {base}]", size=9.5, color=INK)
    for limit, level in zip(limits, levels, strict=True):
        axes.axhline(level, linestyle=limit.dashes, color=INK, lw=1.1, zorder=2)
    _name_levels(axes, limits, levels)
    if not limits[0].time_lapse:
        at = FOLKLORE_PORTS, 100 * FOLKLORE_PER_S * limits[0].hold_s / FOLKLORE_PORTS
        axes.plot(*at, "x", color=INK, ms=8, mew=1.8)
        name: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "size": 8.5}
        axes.annotate("folklore", at, (4, 7), color=INK, **name)
    texts = labels.Labels(axes)
    for dot, share in zip(dots, shares, strict=True):
        hit(axes, dot.ports, share, _tip(dot, limits))
        if _is_near(share, levels):
            _draw_dot(axes, dot, share, len(dots))
        else:
            _draw_far_share(axes, texts, dot, share)


def _is_near(share: float, levels: Sequence[float]) -> bool:
    return levels[-1] - _NEAR_PERCENT < share < levels[0] + _NEAR_PERCENT


def _draw_far_share(axes: Axes, texts: labels.Labels, dot: Dot, share: float) -> None:
    """Draw an arrow at the panel's edge, and how far away the point is."""
    look = VERDICTS.get(dot.verdict, NO_VERDICT)
    low, high = axes.get_ylim()
    edge, up = (low, 1) if share < low else (high, -1)
    arrow = {"arrowstyle": "-|>", "color": look.colour, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (dot.ports, edge), (0, up * 14), textcoords="offset points", arrowprops=arrow)
    places = [(0, up * height) for height in (14, 24, 34, 44)]
    texts.add(f"{share:,.0f} %", (dot.ports, edge), places, **_text_style(dot))


def _name_levels(axes: Axes, limits: Sequence[Limit], levels: Sequence[float]) -> None:
    """Write beside the panel what each level is, clear of the next."""
    frame = axes.get_window_extent()
    width_pt, height_pt = frame.width * 72 / style.DPI, frame.height * 72 / style.DPI
    low, high = axes.get_ylim()
    lines_pt = [(level - low) / (high - low) * height_pt for level in reversed(levels)]
    texts_pt = labels.spread(lines_pt, _NAME_HEIGHT_PT)
    for limit, text_pt in zip(reversed(limits), texts_pt, strict=True):
        where: dict[str, Any] = {"xycoords": "axes points", "annotation_clip": False}
        detail = f"ports / {seconds_text(limit.hold_s)}\n{limit.meaning}"
        axes.annotate(
            limit.name,
            (width_pt + 9, text_pt + 1),
            va="bottom",
            size=9,
            weight="bold",
            color=INK,
            **where,
        )
        axes.annotate(detail, (width_pt + 9, text_pt - 2), va="top", size=8, color=MUTED, **where)


def _port_axis(axes: Axes, dots: Sequence[Dot], limits: Sequence[Limit], margin: float) -> None:
    """Show the measured ranges as ticks, as many as there is room for, the largest first."""
    ports = sorted({dot.ports for dot in dots})
    last = ports[-1] if limits[0].time_lapse else max(ports[-1], FOLKLORE_PORTS)
    axes.set_xscale("log")
    axes.set_xlim(ports[0] / 1.5, last * margin)
    room_pt = 3.0
    width_pt = axes.get_window_extent().width * 72 / style.DPI
    kept: list[int] = []
    edge_pt = width_pt + 20
    for port in reversed(ports):
        share = axes.transAxes.inverted().transform(axes.transData.transform((port, 1)))[0]
        half_pt = len(f"{port:,}") * 2.4 + room_pt
        if share * width_pt + half_pt <= edge_pt:
            kept.append(port)
            edge_pt = share * width_pt - half_pt
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("usable ports [count]", size=9.5, color=INK, labelpad=5)
