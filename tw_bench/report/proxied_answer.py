"""The answer of a run through a proxy: who closes first towards the target, and what follows. Pure.

What follows is told by the end of each connection to the target (ending): kept connections need
few ports, a proxy that closes first holds each port in TIME_WAIT (RFC 9293 section 3.6.1).
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from tw_bench.report.comparison import is_comparison
from tw_bench.results.outcomes import Outcome
from tw_bench.results.schema import Forwarding, Measured, PointResult
from tw_bench.units import rate_text

Ending = Literal["kept", "target", "target_rst", "proxy_rst", "proxy", "either", "unseen"]

_NAMES = {"nginx": "nginx", "haproxy": "HAProxy", "caddy": "Caddy"}
_MOST = 0.9  # of the connections: who closed so many first is said to close
_KEPT = 1.5  # requests on each connection: from here on they outlive their response
_LONG = 100  # requests on each: so many may end by keepalive_requests
_HALF = 0.5  # of what was opened; more closes while requests go on say a pool is too small
_SAMPLE = 2_000  # connections that are looked at (observe/closers.py)
_MOST_NAMES = 6  # in one sentence
_STEADY = 0.99  # of the hold: a window as long shows what gets through in the long run

# In the order of the answer, from what needs few ports to what runs out of them.
_SENTENCES: dict[Ending, str] = {
    "kept": "{proxy} keeps what it opens{where}",
    "target": "The target closes first{where}, and the ports of {proxy} stay free",
    "target_rst": "The target closes first{where}, by an RST, which leaves no TIME_WAIT",
    "proxy_rst": "{proxy} closes first{where}, by an RST, which leaves no TIME_WAIT",
    "proxy": "{proxy} closes first{where}",
    "either": "Now {proxy} closes first and now the target{where}",
    "unseen": "Who closes first was not seen{where}",
}


def proxy_name(kind: str) -> str:
    """Return a proxy's name as its makers write it."""
    return _NAMES.get(kind, kind)


def proxy_text(way: Forwarding) -> str:
    """Return a proxy's name and version: `nginx/1.22.1` is told as `nginx 1.22.1`."""
    return f"{proxy_name(way.kind)} {way.version.rpartition('/')[2]}".strip()


def ending(point: PointResult) -> Ending:
    """Return how most connections of the proxy to the target end, by what was seen on the wire."""
    way = point.forwarding
    if way is None:
        return "unseen"
    is_refused = point.measured is not None and point.measured.refusals > 0
    # Kept connections close too, at the latest when the run is over: that is not their nature.
    total, each = sum(way.closed_first.values()), way.requests_per_connection or 0
    is_burnt = total >= _HALF * min(way.connections, _SAMPLE) and each < _LONG
    if each >= _KEPT and not is_refused and not is_burnt:
        return "kept"
    if not total:
        return "unseen"
    ends: tuple[Ending, ...] = ("target", "target_rst", "proxy_rst", "proxy")
    return next((who for who in ends if way.closed_first.get(who, 0) >= _MOST * total), "either")


def is_command(point: PointResult) -> bool:
    """Whether the load was a program of the user's: what it got only it knows."""
    way = point.forwarding
    return way is not None and way.connections > 0 and way.requests_per_connection is None


def is_least_limit(point: PointResult) -> bool:
    """Whether a limit is what a pool gives at least: how many share a connection is another law."""
    known = ("expected_per_s", "offered_per_s")
    has_limit = point.prediction.get("saturated_per_s") is not None
    return has_limit and all(point.prediction.get(name) is None for name in known)


def wrong_share(measured: Measured) -> float | None:
    """Return the share of what was tried in the window that did not end well; None of nothing."""
    tried = measured.attempted_per_s
    return max(0.0, 1 - measured.goodput_per_s / tried) if tried else None


def error_names(point: PointResult) -> list[str]:
    """Return what the responses were that were not right: `502`, or an errno; the commonest first.

    Of two that are as common, the lower name comes first.
    """
    ends = sorted(point.outcomes, key=lambda end: (-end.count, end.errno))
    return [end.errno for end in ends if not Outcome(end.phase, end.errno).is_ok]


def is_answer(points: Sequence[PointResult]) -> bool:
    """Whether the answer is about a proxy: each part has one point, or there is one in all."""
    is_proxied = any(point.forwarding is not None for point in points)
    return is_proxied and (len(points) == 1 or is_comparison([point.part for point in points]))


def answer(points: Sequence[PointResult]) -> str:
    """Return who closes first in which part, and what that did to the proxy's ports."""
    groups: dict[tuple[Ending, str], list[PointResult]] = {}
    unmeasured = []
    for point in points:
        if point.measured is None or point.forwarding is None or point.status != "complete":
            unmeasured.append(point.part or point.group)
        else:
            groups.setdefault((ending(point), point.forwarding.kind), []).append(point)
    if not groups:
        return "No answer: no point was measured to the end of its window."
    order = list(_SENTENCES)
    sentences = [
        _sentence(*key, groups[key], is_alone=len(points) == 1)
        for key in sorted(groups, key=lambda key: order.index(key[0]))
    ]
    if unmeasured:
        sentences.append(f"Not measured: {_and(unmeasured)}")
    return " ".join(f"{sentence}." for sentence in sentences)


def closers_text(points: Sequence[PointResult]) -> str:
    """Return which proxies close first, where all of them do so at every point; else nothing."""
    kinds = [point.forwarding.kind for point in points if point.forwarding is not None]
    if not kinds or any(ending(point) != "proxy" for point in points):
        return ""
    names = [proxy_name(kind) for kind in dict.fromkeys(kinds)]
    return f"{_and(names)} {'close' if len(names) > 1 else 'closes'} first."


def _sentence(end: Ending, kind: str, points: Sequence[PointResult], *, is_alone: bool) -> str:
    told = [(point.part or point.group, "; ".join(_details(end, point))) for point in points]
    sentence = _SENTENCES[end]
    if is_alone:
        where = f" ({told[0][1]})" if told[0][1] else ""
    else:
        where = f" in {_and([f'{name} ({text})' if text else name for name, text in told])}"
    said = sentence.format(proxy=proxy_name(kind), where=where)
    is_dry = any(point.measured is not None and point.measured.refusals for point in points)
    return said if is_dry or end != "proxy" else f"{said}, and no port was missing"


def _details(end: Ending, point: PointResult) -> Iterator[str]:
    """Yield how often a connection was used, where it was, and what ran out."""
    measured, way = point.measured, point.forwarding
    assert measured is not None
    assert way is not None
    each = way.requests_per_connection
    if each is not None and each >= _KEPT:
        count = f"{each:,.0f}" if end == "kept" else f"{each:,.2g}"
        yield f"{count} requests on each connection"
    if measured.refusals:
        yield _dry_text(point, measured)


def _dry_text(point: PointResult, measured: Measured) -> str:
    ports, before = point.prediction.get("usable_ports", 0), _before(measured)
    if is_command(point):
        return f"{ports:,} ports, and {measured.refusals:,} refusals by its own log"
    names = error_names(point)
    text = f"{ports:,} ports gave {before:,} responses, then {names[0] if names else 'refusals'}"
    hold_s, limit = point.prediction.get("hold_s", 0.0), point.prediction.get("saturated_per_s")
    is_least = point.prediction.get("offered_per_s") is None  # of a closed loop, by its pool
    # The model says what a window holds where it shows the long run, not a part of a burst.
    is_whole = is_least or point.prediction.get("expected_per_s") is not None
    if measured.window_s >= _STEADY * hold_s and is_whole:
        return f"{text}; {rate_text(measured.goodput_per_s)} get through"
    least = "at least " if is_least else ""
    return f"{text}; the limit is {least}{rate_text(limit)}" if limit else text


def _before(measured: Measured) -> int:
    """Return how many responses came before the first that could not be had."""
    return measured.connections_before_first_refusal or 0


def _and(names: Sequence[str]) -> str:
    """Return a list as it is said, the first few of a long one.

    >>> _and(["a"]), _and(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    if len(names) > _MOST_NAMES:
        names = [*names[:_MOST_NAMES], f"{len(names) - _MOST_NAMES} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
