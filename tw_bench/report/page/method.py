"""How a run was measured, in sentences with its own numbers. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tw_bench.kernel.tcp import TIME_WAIT_LENGTH_S, time_wait
from tw_bench.report.found_text import clean_text
from tw_bench.report.text import names_text
from tw_bench.results.repetitions import groups, times_text
from tw_bench.results.schema import Manifest, PointResult, Summary
from tw_bench.units import duration_text, rate_text

_PLACES = {
    "pair": "two network namespaces, client and server, joined by a veth pair",
    "loopback": "one network namespace, over its loopback device",
    "own_address": "one network namespace, over an address of its own",
    "host": "no namespace of its own: this host's loopback device",
    "proxy": "three network namespaces, client, proxy and server, joined by veth pairs",
}
_LOADS = {
    "command": "is a command of the user's: its connections are counted by the kernel",
    "closed": (
        "is a closed loop: a transaction starts when an earlier one has ended, so the rate follows "
        "the target and is not set. What would have come meanwhile is not counted: latency and "
        "service time are the same there but for the generator's own lag"
    ),
    "evenly": (
        "is an open loop: connections start on a schedule, evenly spaced, whether or not earlier "
        "ones have ended"
    ),
    "drawn": (
        "is an open loop: connections start on a schedule, drawn at random (Poisson), whether or "
        "not earlier ones have ended"
    ),
}
_OPEN = (
    "Latency is from the intended start, service time from the real one: their difference is what "
    "coordinated omission would hide."
)
_COUNTERS = (
    "each sum of the load must come out even with them (the ledger). No counter of the kernel "
    "moves when connect() has no port to give"
)


def method(summary: Summary, manifest: Manifest) -> list[str]:
    """Return the method, a paragraph each."""
    measured = [point for point in summary.points if "hold_s" in point.prediction]
    one = "probe" if summary.found is not None else "point"
    texts = [_lab(manifest, one), _order(summary, manifest, one), _load(manifest)]
    if measured:
        texts += [_window(measured), _goodput(measured, manifest), _limits(measured, manifest)]
    if any(point.prediction.get("time_lapse") for point in measured):
        texts.append(_time_lapse(measured))
    if summary.found is not None:
        texts.append(
            "The rates are found by a search: the rate is doubled until a probe is not clean, then "
            f"the interval is divided; {clean_text(summary.found)}."
        )
    return [text for text in (*texts, _counters(manifest)) if text]


def _lab(manifest: Manifest, one: str) -> str:
    found = _sorted(manifest, _place)
    if [*found] == ["host"]:
        return f"The points have {_PLACES['host']}."
    where = "; ".join(
        _PLACES.get(kind, kind) + (f" ({whose})" if whose else "") for kind, whose in found.items()
    )
    alone = "" if "host" in found else " None inherits another's TIME_WAIT."
    return f"Each {one} has a lab of its own: {where}.{alone}"


def _place(point: Mapping[str, Any]) -> str:
    kind = str(point.get("lab", {}).get("topology", "pair"))
    return "proxy" if _is_proxied(point) and kind == "pair" else kind


def _is_proxied(point: Mapping[str, Any]) -> bool:
    """Whether a proxy stands between; a profile without one has the kind none, or no such key."""
    return bool((point.get("proxy") or {}).get("kind", "none") != "none")


def _order(summary: Summary, manifest: Manifest, one: str) -> str:
    """Return what ran beside what, and how often."""
    waves, count = manifest.waves, len(groups(summary.points))
    widest, repeated = max(map(len, waves), default=0), times_text(summary.points)
    who = f"The {one}{'' if count == 1 else 's'}"
    how = f"in {len(waves)} waves, those of a wave side by side"
    if widest <= 1 or len(waves) == 1:
        how = "side by side" if widest > 1 else "one after the other"
    if repeated:
        seed = "" if manifest.shuffle_seed is None else f" (seed {manifest.shuffle_seed})"
        return f"{who} ran {repeated}, each time in a new lab, in shuffled order{seed}, {how}."
    who = f"All {one}s" if len(waves) == 1 else who
    return f"{who} ran {how}." if sum(map(len, waves)) > 1 else ""


def _load(manifest: Manifest) -> str:
    found = _sorted(manifest, lambda point: _pace(point.get("load", {})))
    texts = [
        f"The load{f' of {whose}' if whose else ''} {_LOADS[kind]}."
        for kind, whose in found.items()
    ]
    return " ".join([*texts, *([_OPEN] if found.keys() & {"evenly", "drawn"} else [])])


def _pace(load: Mapping[str, Any]) -> str:
    if load.get("command"):
        return "command"
    if load.get("closed_loop"):
        return "closed"
    return "drawn" if load.get("arrivals") == "poisson" else "evenly"


def _sorted(manifest: Manifest, of: Callable[[Mapping[str, Any]], str]) -> dict[str, str]:
    """Return kind → the names of the points that are of it; nothing where all of them are."""
    found: dict[str, dict[str, None]] = {}
    for point in manifest.points:
        name = str(point.get("id")).removesuffix(f"#{point.get('repetition')}")
        found.setdefault(of(point), {})[name] = None
    if len(found) == 1:
        return dict.fromkeys(found, "")
    return {kind: names_text([*names]) for kind, names in found.items()}


def _counters(manifest: Manifest) -> str:
    """Return how the kernel is asked, and what it does not say."""
    points = manifest.points
    on_host = all(_place(point) == "host" for point in points)
    where = "those of the whole host" if on_host else "read from outside each namespace"
    texts = []
    if any(not _is_proxied(one) and not one.get("load", {}).get("command") for one in points):
        texts.append("refusals are counted in the client")
    if any(_is_proxied(point) for point in points):
        texts.append("a proxy answers with a 5xx then, and says why in its log: both are counted")
    said = f": {'; '.join(texts)}" if texts else ""
    return f"The kernel's counters are {where}; {_COUNTERS}{said}."


def _window(points: Sequence[PointResult]) -> str:
    filled = [point for point in points if point.prediction.get("fill_s")]
    fill, window = _span(filled, "fill_s"), _span(points, "window_s")
    but = f" ({_count(filled, points)})" if filled and len(filled) < len(points) else ""
    text = f"The fill, the first {fill}{but}, is not averaged; t" if fill else "T"
    held = [point for point in points if point.prediction["hold_s"]]
    if not held:
        return f"{text}he window lasts {window}. No port is held after its connection has ended."
    hold = _span(held, "hold_s", lambda value: f"{round(value, 2):g} s")
    periods = _span(held, "echo_periods", lambda value: f"{value:.2g}")
    of = f" where a port is held ({_count(held, points)})" if len(held) < len(points) else ""
    return (
        f"{text}he window lasts {window}, {periods} echo period{'s' if periods != '1' else ''}{of}."
        f" A saturated range repeats its pattern every echo period, {hold}, because every port "
        "comes back then; an average over part of one is off."
    )


def _count(some: Sequence[PointResult], points: Sequence[PointResult]) -> str:
    return f"{len(groups(some))} of {len(groups(points))} points"


def _goodput(points: Sequence[PointResult], manifest: Manifest) -> str:
    per = max(float(point.prediction.get("requests_per_connection", 1)) for point in points)
    what = "connections" if per == 1 else "transactions (requests with their responses)"
    closed = sum(_pace(point.get("load", {})) == "closed" for point in manifest.points)
    offered = "what a closed loop tried" if closed else "what came due in the window"
    if 0 < closed < len(manifest.points):
        offered = f"what came due in the window, or {offered} in it"
    return (
        f"Offered is {offered}; goodput is the {what} of the window, by their intended start, that "
        "ended well; each is divided by the window. The error is goodput / expected - 1, where the "
        "model expects a figure."
    )


def _limits(points: Sequence[PointResult], manifest: Manifest) -> str:
    limited = [point for point in points if point.prediction.get("saturated_per_s")]
    real = [point for point in limited if not point.prediction.get("time_lapse")]
    if not real:
        lapsed = "In time-lapse the three limits (textbook, saturated, sustainable) are one."
        return lapsed if limited else "The model knows no limit of these points."
    point = max(real, key=lambda one: float(one.prediction["saturated_per_s"]))
    known, wait = point.prediction, time_wait(int(manifest.host.get("hz") or 250))
    tuples, requests = known["four_tuples"], known.get("requests_per_connection", 1)
    of = f"{tuples:,} four-tuples" + (f" with {requests:g} requests each" if requests != 1 else "")
    return (
        f"TIME_WAIT is not {TIME_WAIT_LENGTH_S} s: the kernel's timer wheel rounds it up, so there "
        f"are three limits. For {point.group}, {of}: textbook, divided by {wait.shortest_s:g} s, "
        f"{rate_text(known['textbook_per_s'])}; saturated, by {wait.echo_period_s:g} s, what gets "
        f"through when more is offered, {rate_text(known['saturated_per_s'])}; sustainable, by "
        f"{wait.longest_s:.2f} s, the highest steady rate without a refusal, "
        f"{rate_text(known['sustainable_per_s'])}."
    )


def _time_lapse(points: Sequence[PointResult]) -> str:
    lapsed = [point for point in points if point.prediction.get("time_lapse")]
    all_of_them = len(lapsed) == len(points)
    whose = "All points are" if all_of_them else f"{_count(lapsed, points)} are"
    reason = dict.fromkeys(str(point.prediction.get("hold_reason")) for point in lapsed)
    return (
        f"{whose} in time-lapse: {'; '.join(reason)}. The same law plays faster there, and its "
        "rates are never the real limit."
    )


def _span(
    points: Iterable[PointResult], name: str, text: Callable[[float], str] = duration_text
) -> str:
    """Return the least and the most of a prediction; nothing where there are no points."""
    values = sorted({float(point.prediction.get(name) or 0.0) for point in points})
    shown = list(dict.fromkeys(map(text, values)))
    return " to ".join([shown[0], *shown[-1:]] if len(shown) > 1 else shown)
