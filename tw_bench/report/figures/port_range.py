"""Goodput against usable ports: which ranges, which finding, which limits.

Drawn in two panels (port_range_panels.py), because on a log-log plot the three limits of a
range are one line: the second panel divides by the textbook's, and there they are three levels.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tw_bench.kernel.tcp import TIME_WAIT_LENGTH_S
from tw_bench.report.figures import lapse_banner, small_multiples, style
from tw_bench.report.figures import port_range_panels as panels
from tw_bench.report.figures.port_range_panels import Dot, Limit
from tw_bench.report.figures.run_data import PointData, Predicted, Run
from tw_bench.report.figures.style import VERDICTS, Card, Word
from tw_bench.report.proxied_answer import error_names

_SAME = 1.001  # limits that are closer than this are one limit


def draw(run: Run) -> Iterator[tuple[str, Card]]:
    """Yield a picture for each hold time that was measured with several ranges."""
    if small_multiples.is_crowd(run) or (run.is_comparison and run.proxies):
        return
    groups: defaultdict[tuple[bool, float], list[PointData]] = defaultdict(list)
    for point in run.points:
        if point.is_steady and point.is_plain:
            groups[point.prediction.time_lapse, round(point.prediction.hold_s, 3)].append(point)
    used: set[str] = set()
    for (time_lapse, hold_s), points in groups.items():
        dots = sorted(_dots(points))
        if len({dot.ports for dot in dots}) >= 2:
            name = "port-range-time-lapse" if time_lapse else "port-range"
            name = f"{name}-{hold_s:g}s" if name in used else name
            used.add(name)
            yield name, _figure(run, points[0].prediction, dots, len(points) - len(dots))


def _dots(points: Sequence[PointData]) -> Iterator[Dot]:
    for point in points:
        if point.result.measured is not None:
            goodput = point.result.measured.goodput_per_s
            yield Dot(point.prediction.usable_ports, goodput, point.result.verdict)


def _figure(run: Run, prediction: Predicted, dots: Sequence[Dot], unmeasured: int) -> Card:
    whose = f" of {' or '.join(one.split()[0] for one in run.proxies)}" if run.proxies else ""
    is_lapse = prediction.time_lapse
    title = _time_lapse_title(prediction, dots) if is_lapse else _title(dots, whose)
    words = _words(prediction, dots, unmeasured)
    errors = dict.fromkeys(name for point in run.points for name in error_names(point.result))
    if run.proxies and errors:
        words.append(Word(f"— the rest was answered with {', '.join(errors)}"))
    figure = style.card(run, title, words)
    if prediction.time_lapse:
        lapse_banner.banner(figure, lapse_banner.time_lapse_text(run, prediction))
    quantity = "responses" if run.proxies else "connections"
    panels.draw_law(figure, dots, _limits(prediction), quantity)
    panels.draw_ratio(figure, dots, _limits(prediction))
    return figure


def _limits(prediction: Predicted) -> list[Limit]:
    """Return the limits from the highest to the lowest; those that coincide as one."""
    ports = prediction.usable_ports
    assert prediction.textbook_per_s
    assert prediction.saturated_per_s
    assert prediction.sustainable_per_s
    textbook_s = ports / prediction.textbook_per_s
    saturated_s = ports / prediction.saturated_per_s
    sustainable_s = ports / prediction.sustainable_per_s
    time_lapse = prediction.time_lapse
    if sustainable_s < textbook_s * _SAME:
        return [Limit("limit", "all three limits\nin one", saturated_s, "solid", time_lapse)]
    return [
        Limit("textbook", "what the articles say", textbook_s, "dashed", time_lapse),
        Limit(
            "saturated", "what gets through\nwhen more is offered", saturated_s, "solid", time_lapse
        ),
        Limit(
            "sustainable",
            "the highest rate\nwithout a refusal",
            sustainable_s,
            "dotted",
            time_lapse,
        ),
    ]


def _title(dots: Sequence[Dot], whose: str) -> str:
    """Return the finding: the largest range that was full, and what the articles say of it."""
    full = [dot for dot in dots if dot.is_full]
    if not full:
        return "No range was full: the limit lies above what was offered"
    ports, per_s, _ = full[-1]
    folklore = ports / TIME_WAIT_LENGTH_S
    if abs(ports / panels.FOLKLORE_PORTS - 1) < 0.1:
        folklore = panels.FOLKLORE_PER_S
    said = f"{folklore:,.{0 if folklore >= 100 else 1 if folklore >= 10 else 2}f}"
    return f"{ports:,} ports{whose} let {style.rate_text(per_s)} through, not {said}"


def _time_lapse_title(prediction: Predicted, dots: Sequence[Dot]) -> str:
    hold = panels.seconds_text(prediction.hold_s)
    rate = style.rate_text(dots[-1].per_s)
    return f"{dots[-1].ports:,} ports let {rate} through, each away for {hold}"


def _words(prediction: Predicted, dots: Sequence[Dot], unmeasured: int) -> list[Word]:
    words = []
    for verdict, look in VERDICTS.items():
        group = [dot for dot in dots if dot.verdict == verdict]
        if group:
            text = f"{look.glyph} {len(group)} {verdict}"
            words.append(Word(text, style.as_text(look.colour), bold=True))
        if group and verdict == "port-bound":
            words.append(_closeness(group, prediction.hold_s))
    if unmeasured:
        words.append(Word(f"{style.NO_VERDICT.glyph} {unmeasured} not measured"))
    return words


def _closeness(dots: Sequence[Dot], hold_s: float) -> Word:
    """Say how near the ranges that were full come to the saturated limit."""
    worst = max(abs(dot.per_s * hold_s / dot.ports - 1) for dot in dots)
    each = "each " if len(dots) > 1 else ""
    reach = f"{100 * max(worst, 0.001):.1f} %"
    return Word(f"{each}within {reach} of ports / {panels.seconds_text(hold_s)}")
