"""The answer of a run in plain language: one sentence, or two where a range also ran dry."""

from collections.abc import Callable, Sequence

from tw_bench.kernel.tcp import TIME_WAIT_LENGTH_S, time_wait
from tw_bench.plan.pace import varies
from tw_bench.report import comparison, proxied_answer
from tw_bench.report.comparison import is_comparison
from tw_bench.report.found_text import found_answer
from tw_bench.results.repetitions import representative
from tw_bench.results.schema import Measured, PointResult, Summary
from tw_bench.units import rate_text

_SAME = 0.001  # share by which two predicted rates may differ and still be the same
_REAL_HOLD_S = time_wait(250).echo_period_s  # the same at every usual HZ

Found = tuple[PointResult, Measured]


def answer(summary: Summary) -> str:
    """Return what the run says to a person who asked the question."""
    if summary.found is not None:
        return found_answer(summary.found)
    points = representative(summary.points)
    if proxied_answer.is_answer(points):
        return proxied_answer.answer(points)
    if is_comparison([point.part for point in points]):
        return comparison.answer(points)
    found = [
        (point, point.measured)
        for point in points
        if point.measured is not None and point.status == "complete"
    ]
    if not found:
        return "No answer: no point was measured to the end of its window."
    limits = [pair for pair in found if _shows_the_limit(pair[0])]
    real = [pair for pair in limits if not is_time_lapse(pair[0])]
    if real:
        return f"{proxied_answer.closers_text(points)} {_limit_text(real)}".lstrip()
    sentences = []
    dry = [pair for pair in found if _ran_dry(*pair)]
    if dry:
        sentences.append(_dry_text(*max(dry, key=_ports)))
    if limits:
        sentences.append(_time_lapse_text(*max(limits, key=_ports)))
    return " ".join(sentences) or _no_limit_text(found)


def is_time_lapse(point: PointResult) -> bool:
    """Whether ports came back sooner than TIME_WAIT ends."""
    return bool(point.prediction.get("time_lapse"))


def _ports(pair: Found) -> int:
    return int(pair[0].prediction.get("usable_ports", 0))


def _figure(point: PointResult, name: str) -> float:
    return float(point.prediction.get(name) or 0.0)


def _shows_the_limit(point: PointResult) -> bool:
    """Whether the goodput is the saturated limit, by the model and by the verdict."""
    limit, expected = _figure(point, "saturated_per_s"), _figure(point, "expected_per_s")
    is_saturated = limit > 0 and abs(expected - limit) <= _SAME * limit
    return point.verdict == "port-bound" and is_saturated


def _ran_dry(point: PointResult, measured: Measured) -> bool:
    is_met = measured.first_refusal_s is not None and measured.connections_before_first_refusal
    return point.verdict == "port-bound" and not is_time_lapse(point) and bool(is_met)


def _off(point: PointResult, measured: Measured) -> float:
    """Return how far the goodput is from the saturated limit, in percent."""
    return 100 * abs(measured.goodput_per_s / _figure(point, "saturated_per_s") - 1)


def _rate(per_s: float) -> str:
    return rate_text(per_s).removesuffix("/s")


def _what(point: PointResult) -> str:
    if point.forwarding is not None:
        return "responses"
    return "connections" if _figure(point, "requests_per_connection") in (0, 1) else "transactions"


def _law(point: PointResult) -> str:
    """Return what is divided by the hold: P, or P x pairs of addresses x requests."""
    ports = point.prediction.get("usable_ports", 0)
    pairs = point.prediction.get("four_tuples", ports) / max(1, ports)
    factors = (pairs, point.prediction.get("requests_per_connection", 1))
    return " x ".join(["P", *(f"{n:g}" for n in factors if n != 1)])


def _limit_text(found: Sequence[Found]) -> str:
    point, measured = max(found, key=lambda pair: _figure(pair[0], "saturated_per_s"))
    ports, law = _ports((point, measured)), _law(point)
    text = (
        f"{ports:,} ports let {_rate(measured.goodput_per_s)} {_what(point)} a second through, "
        f"{_off(point, measured):.1f} % from the kernel's own limit "
        f"({law} / {_figure(point, 'hold_s'):g} s); the textbook's {law} / {TIME_WAIT_LENGTH_S} "
        f"would say {_rate(_figure(point, 'textbook_per_s'))}."
    )
    sizes = set(map(_ports, found))
    if len(sizes) == 1:
        return text
    worst = max(_off(*pair) for pair in found)
    return (
        f"{text} The {len(sizes)} ranges from {min(sizes):,} ports up are {worst:.1f} % off their "
        "limits at the worst."
    )


def _dry_text(point: PointResult, measured: Measured) -> str:
    return (
        f"{_ports((point, measured)):,} ports gave {measured.connections_before_first_refusal:,} "
        f"connections before the first refusal, {measured.first_refusal_s:.1f} s after the start."
    )


def _time_lapse_text(point: PointResult, measured: Measured) -> str:
    ports = _ports((point, measured))
    hold, law = f"{_figure(point, 'hold_s'):g} s", _law(point)
    real = _figure(point, "saturated_per_s") * _figure(point, "hold_s") / _REAL_HOLD_S
    return (
        f"In time-lapse (a port comes back after {hold} instead of {_REAL_HOLD_S:g} s) {ports:,} "
        f"ports let {_rate(measured.goodput_per_s)} {_what(point)} a second through, "
        f"{_off(point, measured):.1f} % from {law} / {hold}; at the real pace the same ports would "
        f"let {_rate(real)} through ({law} / {_REAL_HOLD_S:g} s)."
    )


def _no_limit_text(found: Sequence[Found]) -> str:
    """Return the sentence of a run in which no range was exhausted."""
    texts: dict[str, Callable[[PointResult, Measured], str]] = {
        "offered-load-bound": _all_went_through_text,
        "unlimited": _unlimited_text,
    }
    for verdict, text in texts.items():
        met = [pair for pair in found if pair[0].verdict == verdict]
        if met:
            return text(*max(met, key=lambda pair: pair[1].goodput_per_s))
    return "No answer: the ports were not what limited any point; the evidence says what did."


def _all_went_through_text(point: PointResult, measured: Measured) -> str:
    highest = _figure(point, "sustainable_per_s")
    is_below = 0 < _figure(point, "offered_per_s") <= highest
    limit = f" (the highest rate without a refusal: {_rate(highest)})" if is_below else ""
    mean = " on average" if varies(point.prediction.get("pace", ())) else ""
    return (
        f"{_start(point)} {_ports((point, measured)):,} ports carried all that was offered, "
        f"{_rate(measured.goodput_per_s)} {_what(point)} a second{mean}{limit}."
    )


def _unlimited_text(point: PointResult, measured: Measured) -> str:
    return (
        f"{_start(point)} {_ports((point, measured)):,} ports carried "
        f"{_rate(measured.goodput_per_s)} {_what(point)} a second in a closed loop and met no "
        "limit."
    )


def _start(point: PointResult) -> str:
    return "In time-lapse, nothing was refused:" if is_time_lapse(point) else "Nothing was refused:"
