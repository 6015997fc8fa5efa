"""The search for the knee: from the probes so far, which rates are tried next. Pure.

The rate is doubled until a probe is not clean, then the interval between the highest clean rate
and the lowest dirty one is divided until it is as narrow as asked. A target that is clean below
its knee and dirty above it has its knee in that interval, whatever is stopped when.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context
from typing import Literal

Ending = Literal[
    "settled",  # the interval is as narrow as asked
    "most",  # the highest rate that was asked for is clean
    "least",  # the lowest rate that a probe can tell anything of is dirty
    "probes",  # as many probes as allowed, and the interval is wider than asked
    "stopped",  # by a person, or by a failure
]

_DIGITS = 5  # significant ones of a rate: what its name says is what is offered


@dataclass(frozen=True, slots=True)
class Probe:
    """One rate that was tried."""

    rate_per_s: float
    is_clean: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a clean probe does not pass, beside having no error and no missed slot."""

    refusals: float = 0.0  # share of the slots in the window; 0: none in the whole probe
    latency_us: tuple[tuple[str, float], ...] = ()  # (p50 or p99, at the most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Where to look, how closely, and for how long at the most. Rates are finite and above 0."""

    start_per_s: float
    least_per_s: float
    most_per_s: float
    precision: float  # lowest dirty / highest clean - 1
    most_probes: int
    side_by_side: int
    bounds: Bounds = Bounds()


def bracket(probes: Sequence[Probe]) -> tuple[float | None, float | None]:
    """Return (highest clean rate below every dirty one, lowest dirty rate), None where none is.

    >>> bracket([Probe(100, True), Probe(200, False), Probe(150, True), Probe(300, True)])
    (150, 200)
    """
    high = min((probe.rate_per_s for probe in probes if not probe.is_clean), default=None)
    clean = (probe.rate_per_s for probe in probes if probe.is_clean)
    return max((rate for rate in clean if high is None or rate < high), default=None), high


def next_rates(search: Search, probes: Sequence[Probe]) -> list[float]:
    """Return the rates of the next round, ascending; none where there is no more to be learnt.

    >>> search = Search(start_per_s=100, least_per_s=1, most_per_s=1000, precision=0.1,
    ...                 most_probes=20, side_by_side=1)
    >>> next_rates(search, []), next_rates(search, [Probe(100, True)])
    ([100.0], [200.0])
    >>> next_rates(search, [Probe(100, True), Probe(200, False)])
    [141.42]
    """
    width = min(search.side_by_side, search.most_probes - len(probes))
    low, high = bracket(probes)
    if high is None:
        wanted = _raised(search, low, width)
    elif low is None:
        wanted = _lowered(search, high, width)
    else:
        wanted = _between(search, low, high, width)
    tried = {probe.rate_per_s for probe in probes}
    return sorted({rounded(rate) for rate in wanted} - tried)


def ending(search: Search, probes: Sequence[Probe]) -> Ending:
    """Return why a search has no next rate, or that it was stopped while it had one."""
    low, high = bracket(probes)
    if low is not None and high is not None and _parts(search, low, high) <= 1:
        return "settled"
    if next_rates(search, probes):
        return "stopped"
    if len(probes) >= search.most_probes:
        return "probes"
    return "most" if high is None else "least"


def _raised(search: Search, low: float | None, width: int) -> list[float]:
    """Return the start, or twice the highest clean rate, and its doubles, up to the most."""
    if low is not None and low >= search.most_per_s:
        return []
    first = search.start_per_s if low is None else 2 * low
    return [min(first * 2**step, search.most_per_s) for step in range(width)]


def _lowered(search: Search, high: float, width: int) -> list[float]:
    """Return halves of the lowest dirty rate, down to the least."""
    if high <= search.least_per_s:
        return []
    return [max(high / 2**step, search.least_per_s) for step in range(1, width + 1)]


def _between(search: Search, low: float, high: float, width: int) -> list[float]:
    """Return the rates that divide the interval into equal ratios, no more than are needed."""
    count = min(width, _parts(search, low, high) - 1)
    return [low * (high / low) ** (step / (count + 1)) for step in range(1, count + 1)]


def _parts(search: Search, low: float, high: float) -> int:
    """Return into how many parts an interval must be divided to be as narrow as asked."""
    return math.ceil(math.log(high / low) / math.log1p(search.precision) - 1e-9)


def rounded(rate_per_s: float, how: str = ROUND_HALF_EVEN) -> float:
    """Return a rate with as many digits as a probe's; `how` is a rounding of decimal.

    What is off by the error of a product of floats is not rounded away from what it stands for.

    >>> from decimal import ROUND_CEILING, ROUND_FLOOR
    >>> rounded(123456), rounded(123456, ROUND_FLOOR), rounded(0.1 * 3, ROUND_CEILING)
    (123460.0, 123450.0, 0.3)
    """
    exact = f"{rate_per_s:.12g}"
    return float(Context(prec=_DIGITS, rounding=how).create_decimal(exact))
