"""What a search found: each probe judged, and the interval that they leave. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from tw_bench.plan.search import Probe, Search, bracket, ending
from tw_bench.results.outcomes import Outcome
from tw_bench.results.schema import Found, Generator, Measured, PointResult, ProbeResult
from tw_bench.units import duration_text, parse_rate


class Judgement(NamedTuple):
    """Whether a probe is clean (then `reason` is empty), or what it met."""

    outcome: str
    reason: str


_CLEAN = Judgement("clean", "")


def judge_probe(search: Search, point: PointResult) -> Judgement:
    """Return whether a probe is clean.

    What the generator did is never taken for the target's knee: slots that came due late, and
    refusals and latency that its own lag accounts for, are said to be the generator's.
    """
    measured, generator = point.measured, point.generator
    if point.status != "complete" or measured is None or generator is None:
        return Judgement("not-measured", point.error or "it was not run to the end of its window")
    found = (
        _generator(point)
        or _refusals(search, point, measured, generator)
        or _errors(point)
        or _missed(generator)
        or _latency(search, point)
    )
    return found or _CLEAN


def judge_probes(search: Search, points: Sequence[PointResult]) -> list[ProbeResult]:
    """Return what became of each probe, in the order of the points."""
    return [
        ProbeResult(
            id=point.id,
            rate_per_s=parse_rate(point.parameters["load.rate"])[0],
            **judge_probe(search, point)._asdict(),
        )
        for point in points
    ]


def probes(search: Search, points: Sequence[PointResult]) -> list[Probe]:
    """Return the probes that were measured, as the search wants them."""
    return _probes(judge_probes(search, points))


def find(search: Search | None, points: Sequence[PointResult]) -> Found | None:
    """Return what a search found so far, or None where the profile asks for none."""
    if search is None or not points:
        return None
    judged = judge_probes(search, points)
    known = _probes(judged)
    low, high = bracket(known)
    dirty = next((one for one in judged if one.rate_per_s == high), None)
    prediction = points[0].prediction
    return Found(
        rate_per_s=low,
        interval_per_s=(low, high),
        outcome=dirty.outcome if dirty else "clean",
        reason=dirty.reason if dirty else "",
        ended=ending(search, known),
        predicted_per_s=prediction["sustainable_per_s"],
        probe_s=prediction["fill_s"] + prediction["window_s"],
        precision=search.precision,
        refusals_allowed=search.bounds.refusals,
        latency_allowed_us=dict(search.bounds.latency_us),
        probes=judged,
    )


def _probes(judged: Sequence[ProbeResult]) -> list[Probe]:
    return [
        Probe(one.rate_per_s, one.outcome == "clean")
        for one in judged
        if one.outcome != "not-measured"
    ]


def _generator(point: PointResult) -> Judgement | None:
    """Return what the verdict has against the generator; missed slots alone are no such thing."""
    signs = [line for line in point.evidence if line.startswith(("generator:", "schedule lag"))]
    if point.verdict != "generator-bound" or not signs:
        return None
    return Judgement("generator", signs[0].removeprefix("generator: "))


def _refusals(
    search: Search, point: PointResult, measured: Measured, generator: Generator
) -> Judgement | None:
    """Return that more slots were refused, or held back after a refusal, than the bound allows."""
    refused = {
        f"{end.errno} at {end.phase}": end.count
        for end in point.outcomes
        if Outcome(end.phase, end.errno).is_refusal
    }
    allowed = search.bounds.refusals
    if not refused or (allowed and _lost_in_window(measured, generator) <= allowed):
        return None
    slots = sum(end.count for end in point.outcomes) + generator.held_back + generator.missed
    lost = sum(refused.values()) + generator.held_back
    words = f"{sum(refused.values()):,} of {slots:,} slots refused ({', '.join(refused)})"
    if generator.held_back:
        words += f", {generator.held_back:,} held back after a refusal"
    late = _lateness(point, generator)
    if lost / slots <= late > search.precision:
        how = f"slots started up to {late:.1%} of the hold late, and the burst may have done it"
        return Judgement("generator", f"{words}; {how}")
    return Judgement("refusals", words)


def _lost_in_window(measured: Measured, generator: Generator) -> float:
    """Return the share of the window's slots that were refused or held back, not missed."""
    untried_per_s = measured.offered_per_s - measured.attempted_per_s
    held_back_per_s = max(0.0, untried_per_s - generator.missed / measured.window_s)
    lost_per_s = held_back_per_s + measured.refusals_in_window / measured.window_s
    return lost_per_s / measured.offered_per_s if measured.offered_per_s else 0.0


def _lateness(point: PointResult, generator: Generator) -> float:
    """Return the largest schedule lag as a share of the hold.

    Slots that come late come at once, so that one hold sees so many more of them than the rate.
    """
    lag, hold_s = generator.schedule_lag_us, point.prediction["hold_s"]
    return lag.max / 1e6 / hold_s if lag is not None and hold_s else 0.0


def _errors(point: PointResult) -> Judgement | None:
    errors = [
        f"{end.count:,} {end.errno} at {end.phase}"
        for end in point.outcomes
        for outcome in [Outcome(end.phase, end.errno)]
        if not outcome.is_ok and not outcome.is_refusal
    ]
    return Judgement("errors", ", ".join(errors)) if errors else None


def _missed(generator: Generator) -> Judgement | None:
    if not generator.missed:
        return None
    return Judgement(
        "missed", f"{generator.missed:,} slots missed: load.max_in_flight connections were open"
    )


def _latency(search: Search, point: PointResult) -> Judgement | None:
    """Return the first bound that is passed; where the calls alone keep it, by the generator."""
    for name, most_us in search.bounds.latency_us:
        latency_us = getattr(point.latency_us, name, 0.0)
        if latency_us <= most_us:
            continue
        most, took = (duration_text(us / 1e6) for us in (most_us, latency_us))
        words = f"latency {name} {took}, more than {most}"
        service_us = getattr(point.service_time_us, name, 0.0)
        if service_us <= most_us:
            own = duration_text(service_us / 1e6)
            return Judgement("generator", f"{words}, of which the call itself took {own}")
        return Judgement("latency", words)
    return None
