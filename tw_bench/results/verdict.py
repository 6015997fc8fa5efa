"""What limited a point, and the evidence for it. Pure."""

import math
from collections.abc import Mapping
from typing import Any

from tw_bench.plan.pace import mean_per_s
from tw_bench.results.schema import Generator, Measured, TimeWait, Verdict
from tw_bench.units import rate_text

_FULL = 0.98  # of the usable ports in TIME_WAIT at the peak: the range was full
_HALF_FULL = 0.5  # below it refusals are not for want of ports
_CLEAN = 0.99  # of what was offered went through
_SHORT = 0.98  # of the predicted goodput: below it something else than the ports was short
_CHANCE = 4  # standard deviations that drawn arrivals may be off
_LATE_US = 100_000  # p99 of the schedule lag: later than this, the load was not the one asked for
MUCH = 0.5  # of the generator's ceiling: a point above it is marked
_TARGET_SIGNS = ("TcpExt.ListenOverflows", "TcpExt.ListenDrops", "TcpExt.TCPReqQFullDrop")


def judge(
    prediction: Mapping[str, Any],
    measured: Measured | None,
    time_wait: Mapping[str, TimeWait],
    counters: Mapping[str, Mapping[str, int]],
    generator: Generator | None,
) -> tuple[Verdict, list[str]]:
    """Return the verdict and, a sentence each, what speaks for it."""
    if measured is not None and generator is None:
        return _of_command(prediction, measured, time_wait)
    if measured is None or generator is None:
        return "not-measured", ["the window was not reached"]
    target = _target_evidence(counters)
    late = _generator_evidence(prediction, measured, generator, time_wait)
    ports = _port_evidence(prediction, measured, time_wait)
    verdict = _verdict(prediction, measured, target=target, late=late, ports=ports)
    return verdict, [*ports, *target, *late, *_ceiling(prediction, measured, generator)]


def _of_command(
    prediction: Mapping[str, Any], measured: Measured, time_wait: Mapping[str, TimeWait]
) -> tuple[Verdict, list[str]]:
    """A program of the user's: what it was refused only it knows, or a proxy's log."""
    counted = "load.command: rates are of connections, by the kernel; its own errors it keeps"
    if measured.refusals:
        return "port-bound", [f"{measured.refusals:,} refusals by the proxy's own log", counted]
    if "proxy" in time_wait or _fullness(prediction, time_wait) < _FULL:
        return "unlimited", [counted]
    return "port-bound", [
        f"{_fullness(prediction, time_wait):.0%} of the ports in TIME_WAIT",
        counted,
    ]


def _verdict(
    prediction: Mapping[str, Any],
    measured: Measured,
    *,
    target: list[str],
    late: list[str],
    ports: list[str],
) -> Verdict:
    expected = prediction["expected_per_s"]
    least = _SHORT * expected - _by_chance(prediction, measured) if expected else 0.0
    is_short = measured.goodput_per_s < least
    if target and is_short:
        return "target-bound"
    if late and (is_short or not ports):
        return "generator-bound"
    if ports:
        return "port-bound"
    if prediction["offered_per_s"] is None:
        return "unlimited"
    if measured.goodput_per_s >= _CLEAN * measured.offered_per_s:
        return "offered-load-bound"
    return "target-bound"


def _port_evidence(
    prediction: Mapping[str, Any], measured: Measured, time_wait: Mapping[str, TimeWait]
) -> list[str]:
    if not measured.refusals_in_window:
        return []
    if _fullness(prediction, time_wait) < _HALF_FULL:
        return []
    usable = prediction["four_tuples"]
    assert isinstance(usable, int)
    peak = min(usable, max(side.peak for side in time_wait.values()))  # a proxy's has others too
    full = "full" if peak >= _FULL * usable else f"only {peak / usable:.0%} full"
    return [
        f"{measured.refusals_in_window:,} refusals in the window while the range was {full} "
        f"({peak:,} of {usable:,} ports in TIME_WAIT at the peak)"
    ]


def _fullness(prediction: Mapping[str, Any], time_wait: Mapping[str, TimeWait]) -> float:
    """Return the share of the four-tuples that was in TIME_WAIT at the peak."""
    tuples = prediction["four_tuples"]
    assert isinstance(tuples, int)
    return max((side.peak for side in time_wait.values()), default=0) / tuples


def _target_evidence(counters: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [
        f"{name.removeprefix('TcpExt.')} {values[name]:,} on the {side}"
        for side, values in counters.items()
        for name in _TARGET_SIGNS
        if values.get(name) and side != "client"
    ]


def _asked(prediction: Mapping[str, Any], measured: Measured) -> float:
    """Return the mean rate that was asked for in what was really averaged; closed loop: 0."""
    fill_s = prediction["fill_s"]
    return mean_per_s(prediction["pace"], fill_s, fill_s + measured.window_s)


def _by_chance(prediction: Mapping[str, Any], measured: Measured) -> float:
    """Return by how much a rate [1/s] may be lower than asked for because arrivals are drawn."""
    if not prediction["offered_spread_per_s"]:
        return 0.0
    return _CHANCE * math.sqrt(_asked(prediction, measured) / measured.window_s)


def _generator_evidence(
    prediction: Mapping[str, Any],
    measured: Measured,
    generator: Generator,
    time_wait: Mapping[str, TimeWait],
) -> list[str]:
    evidence = []
    asked = _asked(prediction, measured)
    least = _CLEAN * asked - 1 / measured.window_s - _by_chance(prediction, measured)
    if measured.offered_per_s < least:
        evidence.append(
            f"generator: {rate_text(measured.offered_per_s)} were due, not the "
            f"{rate_text(asked)} that were asked for"
        )
    if measured.refusals_in_window and _fullness(prediction, time_wait) < _HALF_FULL:
        evidence.append(
            f"generator: {measured.refusals_in_window:,} refusals in the window while the range "
            "was not half full: descriptors, or ports that others hold"
        )
    if generator.missed > 0.01 * measured.offered_per_s * measured.window_s:
        evidence.append(f"{generator.missed:,} slots missed: too many connections were open")
    lag = generator.schedule_lag_us
    if lag is not None and lag.p99 > _LATE_US:
        evidence.append(f"schedule lag p99 {lag.p99 / 1e3:,.0f} ms: connections started late")
    return evidence


def _ceiling(prediction: Mapping[str, Any], measured: Measured, generator: Generator) -> list[str]:
    """Say so when this generator was asked for much of what it can, or could not do much more."""
    if generator.ceiling_per_s is None or generator.ceiling_share is None:
        return _guessed_ceiling(prediction, measured, generator)
    able = (
        f"{generator.workers} worker{'s' if generator.workers > 1 else ''} can offer about "
        f"{rate_text(generator.ceiling_per_s)} here"
    )
    if generator.ceiling_share > MUCH:
        tried = rate_text(measured.attempted_per_s)
        return [f"ceiling: {tried} is {generator.ceiling_share:.0%} of the generator's: {able}"]
    limit = prediction["saturated_per_s"]
    if isinstance(limit, float) and generator.ceiling_per_s < 2 * limit:
        return [f"ceiling: {able}, less than twice the limit"]
    return []


def _guessed_ceiling(
    prediction: Mapping[str, Any], measured: Measured, generator: Generator
) -> list[str]:
    """The same from the processor time of this very load, where nothing was calibrated.

    It guesses low: a connection costs several times less in a loop that is busy (plan/cost.py).
    """
    limit = prediction["saturated_per_s"]
    if not isinstance(limit, float) or generator.cpu <= 0.05 or measured.attempted_per_s <= 0:
        return []
    ceiling = measured.attempted_per_s * generator.workers / generator.cpu
    if ceiling >= 2 * limit:
        return []
    return [
        f"ceiling: {generator.workers} worker(s) at {generator.cpu:.0%} CPU could offer about "
        f"{rate_text(ceiling)}, less than twice the limit (a guess: not calibrated)"
    ]
