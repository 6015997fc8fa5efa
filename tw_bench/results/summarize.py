"""From the tally of a point to its PointResult. Pure."""

from collections.abc import Mapping
from typing import Any

from tw_bench.profile.model import Point
from tw_bench.results.histogram import percentiles
from tw_bench.results.ledger import ledger
from tw_bench.results.outcomes import OK, decode
from tw_bench.results.rows import HELD_BACK, MISSED
from tw_bench.results.schema import (
    Forwarding,
    Generator,
    LedgerLine,
    Measured,
    OutcomeCount,
    PointResult,
    Status,
    TimeWait,
)
from tw_bench.results.tally import NS_PER_S, Tally
from tw_bench.results.verdict import judge

Counters = Mapping[str, Mapping[str, int]]  # side → counter → change over the run


def summarize(
    point: Point,
    prediction: Mapping[str, Any],
    tally: Tally | None,
    counters: Counters,
    *,
    ended_ns: int | None,
    status: Status,
    error: str | None = None,
    proxy: Mapping[str, Any] | None = None,
) -> PointResult:
    """Return the result of a point.

    `tally` is None when its load never began, `ended_ns` unless the load was cut short, `proxy`
    (targets/proxy_watch.py) where none stands between.
    """
    asked = _asked(point, prediction, counters) | {"status": status, "error": error}
    if tally is None:
        return PointResult(**asked, **_NOTHING)
    measured = _measured(tally, ended_ns) if point.load.command is None else _counted(tally, proxy)
    time_wait, generator = _time_wait(tally, counters), _generator(tally, prediction, measured)
    lines = ledger(point, prediction, tally, counters)
    holders = _of(point.subject, time_wait)
    verdict, evidence = judge(prediction, measured, holders, counters, generator)
    return PointResult(
        **asked,
        measured=measured,
        prediction_error=_prediction_error(prediction, measured, status),
        outcomes=_outcomes(tally),
        time_wait=time_wait,
        connect_call_us=percentiles(tally.connect_call),
        connect_us=percentiles(tally.connect),
        latency_us=percentiles(tally.latency),
        service_time_us=percentiles(tally.service_time),
        generator=generator,
        forwarding=_forwarding(proxy, tally, counters),
        ledger=lines,
        verdict=verdict,
        evidence=[*evidence, *(_off_text(line) for line in lines if not line.is_even)],
    )


def _of(subject: str, time_wait: Mapping[str, TimeWait]) -> dict[str, TimeWait]:
    """Return the side whose ports are asked about; both where they share a namespace."""
    return {side: seen for side, seen in time_wait.items() if side in (subject, "host")}


def _forwarding(
    proxy: Mapping[str, Any] | None, tally: Tally, counters: Counters
) -> Forwarding | None:
    if proxy is None:
        return None
    opened = counters.get("proxy", {}).get("Tcp.ActiveOpens", 0)
    went_well = tally.outcomes[OK]
    return Forwarding(
        **proxy,
        connections=opened,
        requests_per_connection=went_well / opened if opened and tally.workers else None,
    )


def _asked(point: Point, prediction: Mapping[str, Any], counters: Counters) -> dict[str, Any]:
    return {
        "id": point.id,
        "part": point.part,
        "title": point.title,
        "parameters": point.parameters,
        "repetition": point.repetition,
        "ports": str(point.lab.ports),
        "prediction": dict(prediction),
        "counters": {side: dict(values) for side, values in counters.items()},
    }


# Of a point whose load never began.
_NOTHING: dict[str, Any] = {
    "measured": None,
    "prediction_error": None,
    "outcomes": [],
    "time_wait": {},
    "connect_call_us": None,
    "connect_us": None,
    "latency_us": None,
    "service_time_us": None,
    "generator": None,
    "ledger": [],
    "verdict": "not-measured",
    "evidence": ["the load never began"],
}


def _prediction_error(
    prediction: Mapping[str, Any], measured: Measured | None, status: Status
) -> float | None:
    expected = prediction["expected_per_s"]
    if measured is None or not expected or status != "complete":
        return None
    if prediction["offered_spread_per_s"] and expected == prediction["offered_per_s"]:
        expected = measured.offered_per_s  # all that is drawn: how much that is, is no prediction
    return float(measured.goodput_per_s / expected - 1) if expected else None


def _off_text(line: LedgerLine) -> str:
    return (
        f"ledger off by {line.ours - line.kernel:+,}: {line.name} {line.ours:,}, "
        f"{line.counter} {line.kernel:,}"
    )


def _counted(tally: Tally, proxy: Mapping[str, Any] | None) -> Measured | None:
    """Return the figures of a command: its connections by the kernel, refusals by the proxy."""
    refusals = sum(proxy["refusals"].values()) if proxy else 0
    side = tally.sides.get("client", tally.sides.get("host"))
    window_ns = tally.window_start_ns - tally.start_ns
    if side is None or side.last_ns <= window_ns:
        return None
    window_s = (side.last_ns - window_ns) / NS_PER_S
    rate = (side.opened_in_time - side.opened_before_window) / window_s
    return Measured(
        offered_per_s=rate,
        attempted_per_s=rate,
        goodput_per_s=rate,
        window_s=window_s,
        connections_opened=side.opened,
        transactions_ok=side.opened,
        refusals=refusals,
        refusals_in_window=refusals,
        first_refusal_s=None,
        connections_before_first_refusal=None,
    )


def _measured(tally: Tally, ended_ns: int | None) -> Measured | None:
    window_end_ns = min(tally.window_end_ns, ended_ns or tally.window_end_ns)
    window_s = (window_end_ns - tally.window_start_ns) / NS_PER_S
    if window_s <= 0:
        return None
    counts = tally.in_window
    offered = counts.total()
    attempted = offered - counts[HELD_BACK] - counts[MISSED]
    first = tally.first_refusal_ns
    return Measured(
        offered_per_s=offered / window_s,
        attempted_per_s=attempted / window_s,
        goodput_per_s=counts[OK] / window_s,
        window_s=window_s,
        connections_opened=tally.opened,
        transactions_ok=tally.outcomes[OK],
        refusals=_refusals(tally.outcomes),
        refusals_in_window=_refusals(counts),
        first_refusal_s=None if first is None else (first - tally.start_ns) / NS_PER_S,
        connections_before_first_refusal=tally.before_first_refusal,
    )


def _refusals(outcomes: Mapping[int, int]) -> int:
    return sum(count for code, count in outcomes.items() if code > 0 and decode(code).is_refusal)


def _outcomes(tally: Tally) -> list[OutcomeCount]:
    ends = [(decode(code), count) for code, count in tally.outcomes.items() if code >= 0]
    ends.sort(key=lambda end: -end[1])
    return [
        OutcomeCount(phase=end.phase, errno=end.reason, count=count) for end, count in ends if count
    ]


def _time_wait(tally: Tally, counters: Counters) -> dict[str, TimeWait]:
    return {
        side: TimeWait(
            peak=seen.peak,
            mean=seen.sum_in_window / max(1, seen.samples_in_window),
            made=counters.get(side, {}).get("TcpExt.TW", 0),
        )
        for side, seen in tally.sides.items()
    }


def _generator(
    tally: Tally, prediction: Mapping[str, Any], measured: Measured | None
) -> Generator | None:
    workers = list(tally.workers.values())
    if not workers:
        return None
    ceiling = prediction.get("ceiling_per_s")
    growth = [w.memory_peak_bytes - w.memory_early_bytes for w in workers]
    return Generator(
        workers=len(workers),
        cpu=sum(w.cpu_ns / max(1, w.at_ns - tally.start_ns) for w in workers),
        busiest_worker_cpu=max(w.busiest_cpu for w in workers),
        ceiling_per_s=ceiling,
        ceiling_share=measured.attempted_per_s / ceiling if measured and ceiling else None,
        schedule_lag_us=percentiles(tally.schedule_lag),
        missed=tally.outcomes[MISSED],
        held_back=tally.outcomes[HELD_BACK],
        memory_peak_bytes=max(w.memory_peak_bytes for w in workers),
        memory_growth_bytes=max(growth),
    )
