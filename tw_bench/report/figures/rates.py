"""What became of the offered connections, second by second: ok, refused, held back."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tw_bench.plan.pace import varies
from tw_bench.report.figures import hits, small_multiples, style
from tw_bench.report.figures.run_data import Floats, PointData, Run, Seconds
from tw_bench.report.figures.small_multiples import Panel
from tw_bench.report.figures.style import INK, Card, Word

# Stacked in this order, they add up to what was offered.
_KINDS = {
    "ok": (style.SKY, "ok"),
    "refusals": (style.VERMILLION, "refused"),
    "held_back": (style.ORANGE, "held back after a refusal"),
    "errors": (style.PURPLE, "failed otherwise"),
    "missed": (style.FAINT, "missed by the generator"),
}
_FEW = 20  # connections in a bin; with fewer, whole numbers make steps of their own
_LONGEST_BIN_S = 5
_NEAR = 20  # times the highest rate: a limit beyond is named, not drawn
_STRIPS = 60  # of a panel, each with its values
_BINS = 100  # as many as a small panel resolves


def draw(run: Run) -> Iterator[tuple[str, Card]]:
    """Yield one picture, a panel for each of up to eight points."""
    points = [p for p in run.points if p.seconds is not None and _whole(p, p.seconds).any()]
    if not points or small_multiples.is_crowd(run):
        return
    shown, note = small_multiples.choose(points)
    words = [Word("What was offered:")]
    for kind, (colour, text) in _KINDS.items():
        if any(point.seconds and point.seconds.counts[kind].any() for point in shown):
            words += style.key(colour, text)
    words += [Word("— dashed: saturated limit — shaded: window"), *note]
    figure = style.card(run, _title(points), words)
    kept = any(point.prediction.requests_per_connection != 1 for point in shown)
    quantity = f"{'transactions' if kept else 'connections'} a second [1/s], stacked"
    for panel in small_multiples.panels(run, figure, shown, quantity):
        if panel.point.seconds is not None:
            _draw_panel(panel, panel.point.seconds, hits.MOST // len(shown))
    yield "rates", figure


def _title(points: Sequence[PointData]) -> str:
    """Return the finding: the echo where it was seen, else when a range ran dry."""
    measured = [(point, of) for point in points if (of := point.result.measured) is not None]
    if not measured:
        return "What was offered, and what became of it"
    refused = [(point, of) for point, of in measured if of.refusals]
    if not refused:
        return "Everything that was offered went through"
    largest, of = max(refused, key=lambda pair: (_weight(pair[0]), pair[1].refusals))
    hold_s = largest.prediction.hold_s
    if not largest.is_steady and of.first_refusal_s is not None:
        return f"{largest.ports_text} ran dry after {of.first_refusal_s:.1f} s"
    off_s = round(hold_s * _refusing_share(largest))
    if off_s >= 3 and hold_s > 10:
        on_s = round(hold_s) - off_s
        return f"The echo: {on_s} s of connections, {off_s} s of refusals, every {hold_s:.0f} s"
    if not hold_s or not largest.is_plain:
        return f"{len(refused)} of {len(measured)} points met refusals"
    return f"What exceeds ports / {round(hold_s, 2):g} s is refused"


def _weight(point: PointData) -> tuple[bool, bool, int]:
    """Return what makes one point say more than another: the real pace, an echo, its size."""
    prediction = point.prediction
    return not prediction.time_lapse, point.is_steady, prediction.usable_ports


def _refusing_share(point: PointData) -> float:
    """Return the share of the window that was refusals, or 0 where it is not one or the other.

    Nor has it one share where the offered rate changes.
    """
    seconds = point.seconds
    if seconds is None or varies(point.result.prediction.get("pace", ())):
        return 0.0
    window = _whole(point, seconds) & (seconds.start_s >= point.prediction.fill_s)
    over = (seconds.counts["refusals"] + seconds.counts["held_back"])[window]
    share = over / np.maximum(seconds.counts["offered"][window], 1)
    mixed = (share > 0.2) & (share < 0.8)
    return float(share.mean()) if len(share) and mixed.mean() < 0.25 else 0.0


def _whole(point: PointData, seconds: Seconds) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which seconds are whole: the last one of a run seldom is."""
    complete = point.result.status == "complete"
    end_s = point.prediction.duration_s if complete else seconds.start_s[-1]
    whole: np.ndarray[tuple[int], np.dtype[np.bool_]] = seconds.start_s + 1 <= end_s + 0.01
    return whole


def _draw_panel(panel: Panel, seconds: Seconds, most_hits: int) -> None:
    axes, point = panel.axes, panel.point
    offered = point.prediction.offered_per_s or float(seconds.counts["attempted"].max())
    bin_s = _bin_s(point.prediction.duration_s, offered)
    whole = _whole(point, seconds)
    edges = np.arange(0, seconds.start_s[-1] + bin_s + 1, bin_s)
    base = np.zeros(len(edges) - 1)
    said = {}
    for kind, (colour, _) in _KINDS.items():
        rate = _per_second(seconds.start_s[whole], seconds.counts[kind][whole], edges)
        if np.nansum(rate) > 0:
            axes.stairs(base + rate, edges, baseline=base, fill=True, color=colour, lw=0)
            base, said[kind] = base + rate, rate
    highest = float(np.nanmax(base, initial=0))
    _add_hits(panel, edges, said, most_hits)
    _draw_limit(panel, point.prediction.saturated_per_s, highest)
    binned = f" · means of {bin_s} s" if bin_s > 1 else ""
    measured = point.result.measured
    text = f"goodput {style.rate_text(measured.goodput_per_s)}" if measured else "not measured"
    small_multiples.head(panel, text + binned)


def _add_hits(panel: Panel, edges: Floats, rates: Mapping[str, Floats], most: int) -> None:
    """Let strips of a panel say the rate of each kind; as many bins to a strip as it takes."""
    together = -(-(len(edges) - 1) // max(1, min(_STRIPS, most)))
    for first in range(0, len(edges) - 1, together):
        bins = slice(first, first + together)
        start_s, end_s = float(edges[first]), float(edges[min(first + together, len(edges) - 1)])
        means = {
            kind: float(np.mean(rate[bins][~np.isnan(rate[bins])]))
            for kind, rate in rates.items()
            if not np.isnan(rate[bins]).all()
        }
        lines = [
            f"{_KINDS[kind][1]} {style.rate_text(mean)}"
            for kind, mean in means.items()
            if mean or kind == "ok"
        ]
        if lines:
            head = f"{panel.point.result.group}, {start_s:.0f} to {end_s:.0f} s"
            hits.hit(panel.axes, (start_s, end_s), None, "\n".join([head, *lines]))


def _draw_limit(panel: Panel, limit: float | None, highest: float) -> None:
    """Draw the limit, unless there is none or it lies far above all that was offered."""
    axes = panel.axes
    is_near = limit is not None and limit <= _NEAR * highest
    axes.set_ylim(0, 1.22 * max(highest, limit if is_near and limit else 0) or 1)
    if limit is None or not is_near:
        far = ", far above" if highest else ""
        text = "unlimited" if limit is None else f"limit {style.rate_text(limit)}{far}"
        axes.annotate(
            text,
            (1, 1),
            (-4, -4),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="top",
            size=panel.text_size,
            color=INK,
        )
        return
    axes.axhline(limit, color=INK, lw=1.1, ls="--")
    axes.annotate(
        f"limit {style.rate_text(limit)}",
        (1, limit),
        (-4, 4),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        ha="right",
        size=panel.text_size,
        color=INK,
        bbox={"facecolor": style.PLOT, "alpha": 0.85, "linewidth": 0, "pad": 1.2},
    )


def _bin_s(duration_s: float, offered_per_s: float) -> int:
    """Return how many seconds to average: as few as give a calm picture."""
    fine_s = round(duration_s / _BINS)
    full_s = min(_LONGEST_BIN_S, math.ceil(_FEW / max(offered_per_s, 0.1)))
    return max(1, fine_s, full_s)


def _per_second(start_s: Floats, counts: Floats, edges: Floats) -> Floats:
    """Return the mean count a second in each bin; nan where no second was kept."""
    seconds, _ = np.histogram(start_s, edges)
    total, _ = np.histogram(start_s, edges, weights=counts)
    rate = np.full(len(total), np.nan)
    np.divide(total, seconds, out=rate, where=seconds > 0)
    return rate
