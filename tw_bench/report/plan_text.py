"""The plan in the terminal: where, how, and what should come out, before anything runs."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.prediction import Prediction
from tw_bench.profile.model import Point
from tw_bench.report.comparison import is_comparison
from tw_bench.report.comparison_text import plan_table
from tw_bench.report.generator_text import ceiling_rows
from tw_bench.report.text import (
    Cell,
    Column,
    Columns,
    block_title,
    headline,
    labelled,
    limit_cell,
    names_text,
    rate_cell,
    short_id,
    time_cell,
)
from tw_bench.units import duration_text

_MOST_RATES = 6  # said one by one

Planned = tuple[Point, Prediction]
Row = tuple[str, str, str]  # label, words, style

_TOPOLOGIES = {
    "pair": "two private network namespaces joined by a veth pair",
    "loopback": "both ends in one private network namespace, on its loopback",
    "own_address": "both ends in one private network namespace, on an address of its own",
    "host": "this host's own loopback, without isolation",
}


def show_plan(
    console: Console,
    *,
    title: str,
    question: str,
    planned: Sequence[Planned],
    waves: Sequence[Sequence[str]],
    facts: HostFacts,
    findings: Sequence[str],
    search: str = "",
) -> None:
    """Print the experiment as it is about to run: where, how, and what should come out.

    `search` says how the points go on, where these are the first of a search.
    """
    headline(console, title, question)
    every, planned = planned, _once(planned)
    rows = [
        ("where", _host_text(facts), ""),
        *(("", text, "") for text in dict.fromkeys(_place_text(p) for p, _ in planned)),
        *ceiling_rows(facts.ceilings),
        ("run", search or _waves_text(every, waves), ""),
    ]
    console.print()
    console.print(labelled(rows, console.width), soft_wrap=True)
    if is_comparison([point.part for point, _ in planned]):
        _show_comparison(console, planned)
    else:
        _show_blocks(console, planned)
    if findings:
        console.print()
        advice = [("advice:", finding, "yellow") for finding in findings]
        console.print(labelled(advice, console.width), soft_wrap=True)


def _show_comparison(console: Console, planned: Sequence[Planned]) -> None:
    """Print one table, and each method once."""
    methods = _shared_rows("method", planned, [_method_text(point, q) for point, q in planned])
    console.print()
    console.print(labelled(methods, console.width), soft_wrap=True)
    console.print()
    console.print(plan_table(planned, console.width), soft_wrap=True)


def _show_blocks(console: Console, planned: Sequence[Planned]) -> None:
    """Print a table for each part, those in time-lapse apart, with its method and its law."""
    table = Columns(_plan_columns(planned), console.width)
    keys = [(point.part, prediction.time_lapse) for point, prediction in planned]
    for key in dict.fromkeys(keys):
        indexes = [index for index, other in enumerate(keys) if other == key]
        block = [planned[index] for index in indexes]
        block_title(console, key[0], block[0][0].title, block[0][1].hold_s if key[1] else None)
        console.print(labelled(_method_rows(block), console.width), soft_wrap=True)
        console.print(table.header(), soft_wrap=True)
        console.print(table.rows(indexes), soft_wrap=True)


def _host_text(facts: HostFacts) -> str:
    cpus = f"{facts.cpus} CPU{'s' if facts.cpus > 1 else ''}"
    return (
        f"Linux {facts.kernel} {facts.architecture}, HZ {facts.hz} ({facts.hz_source}), "
        f"{cpus} ({facts.cpu_model})"
    )


def _place_text(point: Point) -> str:
    lab = point.lab
    place = _TOPOLOGIES[lab.topology]
    if point.has_proxy:
        place = f"three private network namespaces: client, {point.proxy.kind}, target"
    return f"topology {lab.topology}: {place}, IPv{lab.ip_version}"


def _waves_text(planned: Sequence[Planned], waves: Sequence[Sequence[str]]) -> str:
    """Return how many points run at once, and for how long in all."""
    lasts = {point.id: prediction.duration_s for point, prediction in planned}
    total = duration_text(sum(max(lasts[name] for name in wave) for wave in waves if wave))
    points, order = _count_text(planned), ""
    if len(planned) == 1:
        return f"one point; {total} in all"
    if len(waves) == 1:
        return f"{points} side by side, in one wave; {total} in all"
    if any(point.repetition is not None for point, _ in planned):
        order = ", in shuffled order"
    sizes = [len(wave) for wave in waves]
    if max(sizes) == 1:
        return f"{points} one after the other{order}; {total} in all"
    side = " and ".join(map(str, sizes)) if len(sizes) <= 4 else f"up to {max(sizes)}"
    return f"{points} in {len(waves)} waves{order}, {side} side by side; {total} in all"


def _count_text(planned: Sequence[Planned]) -> str:
    """Return how many points there are: `8 points`, `8 points x 5`, `one point x 5`."""
    times = max(point.repetition or 1 for point, _ in planned)
    count = len(planned) // times
    points = "one point" if count == 1 else f"{count} points"
    return points if times == 1 else f"{points} x {times}"


def _once(planned: Sequence[Planned]) -> list[Planned]:
    """Return each repeated point once, without its number."""
    return [
        (point.model_copy(update={"id": point.group}), prediction)
        for point, prediction in planned
        if point.repetition in (None, 1)
    ]


def _method_rows(block: Sequence[Planned]) -> Iterator[Row]:
    """Yield what is done and what the limits are, once for all points that share it."""
    yield from _shared_rows("method", block, [_method_text(point, q) for point, q in block])
    yield from _shared_rows("limits", block, [_limits_text(q) for _, q in block])


def _shared_rows(label: str, block: Sequence[Planned], texts: Sequence[str]) -> Iterator[Row]:
    shared: dict[str, list[str]] = {}
    for (point, _), text in zip(block, texts, strict=True):
        shared.setdefault(text, []).append(short_id(point.id, point.part))
    for text, names in shared.items():
        of_whom = f" ({names_text(names)})" if len(shared) > 1 else ""
        yield label, text + of_whom, ""
        label = ""


def _method_text(point: Point, prediction: Prediction) -> str:
    evenly = prediction.fill_source_port != point.connection.source_port
    how = ", source ports taken evenly" if evenly else ""
    fill = f"fill for {_seconds(prediction.fill_s)}{how}, then" if prediction.fill_s else "no fill,"
    periods = ""
    if prediction.echo_periods is not None:
        hold = _seconds(prediction.hold_s)
        count = f"{prediction.echo_periods:.3g}"
        periods = f" = {count} echo period{'' if count == '1' else 's'} of {hold}"
    return f"{fill} a window of {_seconds(prediction.window_s)}{periods}; {_load_text(point)}"


def _load_text(point: Point) -> str:
    """Return how slots come due, and at which rates where that is not one."""
    load = point.load
    if load.command is not None:
        return "load.command at a pace of its own"
    if load.closed_loop is not None:
        return f"closed loop of {load.closed_loop}"
    loop = "open loop, Poisson arrivals" if load.arrivals == "poisson" else "open loop"
    if load.ramp is None and load.steps is None:
        return loop
    rates = [str(each) for each in load.stretches]
    if len(rates) > _MOST_RATES:
        rates[_MOST_RATES - 2 : -1] = [f"{len(rates) - _MOST_RATES + 1} more steps"]
    return f"{loop}: {', then '.join(rates)}"


def _limits_text(prediction: Prediction) -> str:
    """Return the law in words: what is divided by what, and which rule says so."""
    law = _law(prediction)
    textbook, sustainable = prediction.textbook_per_s, prediction.sustainable_per_s
    if prediction.saturated_per_s is None or textbook is None or sustainable is None:
        return f"none: {prediction.hold_reason}"
    saturated = f"{law} / {prediction.hold_s:g} s"
    if round(textbook / prediction.saturated_per_s, 6) == 1:
        return f"{saturated}; {prediction.hold_reason}"
    capacity = prediction.four_tuples * prediction.requests_per_connection
    return (
        f"{law} / {capacity / textbook:.6g} s textbook, {law} / {capacity / sustainable:.6g} s "
        f"sustainable, {saturated} saturated; {prediction.hold_reason}"
    )


def _law(prediction: Prediction) -> str:
    """Return what is divided by the hold: P, or P x pairs of addresses x requests."""
    pairs = prediction.four_tuples / max(1, prediction.usable_ports)
    factors = ["P", *(f"{n:g}" for n in (pairs, prediction.requests_per_connection) if n != 1)]
    return " x ".join(factors)


def _seconds(seconds: float) -> str:
    """Return seconds in full where they are few: the echo period is 61.44 s, not 61.4."""
    return f"{round(seconds, 2):g} s" if 1 <= seconds < 1000 else duration_text(seconds)


def _plan_columns(planned: Sequence[Planned]) -> list[Column]:
    def rates(name: str) -> list[Cell]:
        return [rate_cell(getattr(prediction, name)) for _, prediction in planned]

    closed = ("closed", "")  # or the pace of a command
    offered = [
        closed if prediction.offered_per_s is None else rate_cell(prediction.offered_per_s)
        for point, prediction in planned
    ]
    return [
        Column(("", "point"), [(short_id(p.id, p.part), "") for p, _ in planned], is_right=False),
        Column(("", "ports"), [(f"{q.usable_ports:,}", "") for _, q in planned], goes=2),
        Column(("", "range"), [(str(p.lab.ports), "dim") for p, _ in planned], goes=4),
        Column(("offered", "[/s]"), offered, goes=1),
        Column(("textbook", "[/s]"), rates("textbook_per_s"), goes=3),
        Column(("sustain-", "able [/s]"), rates("sustainable_per_s")),
        Column(("saturated", "[/s]"), [limit_cell(q.saturated_per_s) for _, q in planned]),
        Column(("expected", "[/s]"), [(text, "bold") for text, _ in rates("expected_per_s")]),
        Column(("refusals", "from [s]"), [time_cell(q.first_refusal_s) for _, q in planned]),
    ]
