"""Confidence intervals of a difference between two small samples. Pure.

From five values a side on by the bootstrap. The percentile bootstrap of so few is too narrow:
resampling n values gives (n - 1) / n of their variance, and the normal tail in place of Student's.
So the percentiles are taken further out, as Hesterberg has it, "What Teachers Should Know About the
Bootstrap" (2015), section 4.2, expanded percentile interval: for n = 5 at 99.8 % in place of 95 %.
BCa covers no better at these sizes, and knows no interval of equal values.

Of three or four by Welch's t ("The generalization of 'Student's' problem when several different
population variances are involved", Biometrika 34, 1947), of a ratio by its logarithm and the delta
method (Casella and Berger, "Statistical Inference", 5.5.4): three values have ten different
resamples, whose extremes hold the truth too seldom. Measured in docs/comparing.md.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
FEWEST = 3  # measurements a side: two give a variance that says nothing
_RESAMPLED = 5  # a side; of fewer, Welch's t
_RESAMPLES = 9_999
_AT_ONCE = 2_000_000  # values that are drawn at a time: 16 MB
_SEED = 0  # the same runs give the same interval

Floats = NDArray[np.float64]
Interval = tuple[float, float]


class Samples(NamedTuple):
    """The measurements of both sides."""

    base: Sequence[float]
    other: Sequence[float]
    is_share: bool  # the difference is other / base - 1; else other - base


def difference(samples: Samples) -> float:
    """Return how far the mean of one side is from that of the base."""
    base, other = np.mean(samples.base), np.mean(samples.other)
    return float(other / base - 1 if samples.is_share else other - base)


def intervals(every: Sequence[Samples]) -> list[Interval | None]:
    """Return the 95 % interval of each difference, None where a side has fewer than three values.

    Samples of equal sizes are drawn together. Values that are all the same give an interval of no
    width: what one step of a measurement adds to it is the caller's business.
    """
    found: list[Interval | None] = [None] * len(every)
    alike: defaultdict[tuple[int, int, bool], list[int]] = defaultdict(list)
    for index, (base, other, is_share) in enumerate(every):
        if min(len(base), len(other)) >= FEWEST:
            alike[len(base), len(other), is_share].append(index)
    for (_, _, is_share), indexes in alike.items():
        before = np.array([every[index].base for index in indexes], dtype=np.float64)
        after = np.array([every[index].other for index in indexes], dtype=np.float64)
        is_few = min(before.shape[1], after.shape[1]) < _RESAMPLED
        ends = (_welch if is_few else _bootstrap)(before, after, is_share)
        for index, low, high in zip(indexes, *ends, strict=True):
            found[index] = (float(low), float(high))
    return found


def _bootstrap(base: Floats, other: Floats, is_share: bool) -> tuple[Floats, Floats]:
    """Return (low, high) of (rows, n) and (rows, m) measurements."""
    from scipy import stats  # most of a second: not where there is one measurement a side

    def statistic(base: Floats, other: Floats, axis: int) -> Any:
        before, after = base.mean(axis=axis), other.mean(axis=axis)
        return after / before - 1 if is_share else after - before

    sizes = base.shape[1], other.shape[1]
    found = stats.bootstrap(
        (base, other),
        statistic,
        axis=-1,
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=max(1, _AT_ONCE // (len(base) * max(sizes))),
        confidence_level=_expanded(min(sizes)),
        method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return found.low, found.high


def _welch(base: Floats, other: Floats, is_share: bool) -> tuple[Floats, Floats]:
    """Return (low, high) of (rows, n) and (rows, m) measurements, n and m at least two.

    A share by its logarithm, so that it is as far from none whichever side is the base.
    """
    from scipy import stats

    before, after = base.mean(axis=1), other.mean(axis=1)
    parts = [base.var(axis=1, ddof=1) / base.shape[1], other.var(axis=1, ddof=1) / other.shape[1]]
    if is_share:  # the variances of the logarithms, to the first order; nothing has none
        means = before, np.where(after > 0, after, 1.0)
        parts = [part / mean**2 for part, mean in zip(parts, means, strict=True)]
    variance = parts[0] + parts[1]
    # Welch and Satterthwaite; without any variance there is no width, whatever the freedom.
    spent = parts[0] ** 2 / (base.shape[1] - 1) + parts[1] ** 2 / (other.shape[1] - 1)
    freedom = np.divide(variance**2, spent, out=np.ones_like(variance), where=spent > 0)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(variance)
    if is_share:
        return after / before * np.exp(-reach) - 1, after / before * np.exp(reach) - 1
    return after - before - reach, after - before + reach


def _expanded(n: int) -> float:
    """Return the level at which percentiles of n values cover 95 %.

    The smaller sample's n and its n - 1 degrees of freedom are on the safe side.

    >>> [round(_expanded(n), 3) for n in (5, 10, 100)]
    [0.998, 0.983, 0.954]
    """
    from scipy import stats

    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * math.sqrt(n / (n - 1))
    return float(1 - 2 * stats.norm.sf(quantile))
