"""HDR histograms of durations in ns, filled from numpy columns."""

from typing import cast

import numpy as np
from hdrh.histogram import HdrHistogram

from tw_bench.results.schema import Percentiles

_LOWEST_NS = 100
_HIGHEST_NS = 600 * 1_000_000_000  # no connection outlasts its time limit
_DIGITS = 3

Column = np.ndarray[tuple[int], np.dtype[np.int64]]


def histogram() -> HdrHistogram:
    """Return an empty histogram: 100 ns to 600 s, three significant digits."""
    return HdrHistogram(_LOWEST_NS, _HIGHEST_NS, _DIGITS)


def add(histogram: HdrHistogram, values_ns: Column) -> None:
    """Add every value of a column; those outside the range count at its ends.

    record_value() is Python (1 µs each), so equal values are counted first, after they have been
    rounded down to the 11 leading bits that three digits need.
    """
    if not len(values_ns):
        return
    values = np.clip(values_ns, _LOWEST_NS, _HIGHEST_NS)
    shifts = np.maximum(np.frexp(values.astype(np.float64))[1] - 12, 0)
    rounded = (values >> shifts) << shifts
    for value, count in zip(*np.unique(rounded, return_counts=True), strict=True):
        histogram.record_value(int(value), int(count))


def percentiles(histogram: HdrHistogram) -> Percentiles | None:
    """Return the usual figures in µs, or None of an empty histogram."""
    count = cast(int, histogram.get_total_count())
    if count == 0:
        return None

    def at(percentile: float) -> float:
        value_ns = cast("int", histogram.get_value_at_percentile(percentile))
        return round(value_ns / 1e3, 2)

    return Percentiles(
        count=count,
        mean=round(histogram.get_mean_value() / 1e3, 2),
        p50=at(50),
        p90=at(90),
        p99=at(99),
        p999=at(99.9),
        max=round(histogram.get_max_value() / 1e3, 2),
    )
