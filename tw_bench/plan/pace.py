"""The rate of an open loop over time, in figures: how much has come due, and when. Pure.

A pace is a list of (first rate, last rate, seconds), one after the other; in each the rate goes
evenly from the first to the last. Standard library only: workers import it.
"""

import math
from collections.abc import Callable, Iterator, Sequence

Stretch = Sequence[float]  # first rate, last rate [1/s], seconds
Pace = Sequence[Stretch]


def due(stretch: Stretch) -> float:
    """Return how many slots a stretch holds: its mean rate times its length."""
    first, last, seconds = stretch
    return (first + last) / 2 * seconds


def inverse(stretch: Stretch) -> Callable[[float], float]:
    """Return the function that says how far into a stretch [s] so many slots have come due.

    It solves count = first t + (last - first) / (2 seconds) t², in the form that loses no digits
    where the ramp is nearly flat; of a level one it is count / rate. Made once and called often.

    >>> inverse((4, 4, 1))(1), inverse((0.5, 100.5, 2))(101), inverse((10, 2, 8))(48)
    (0.25, 2.0, 8.0)
    """
    first, last, seconds = stretch
    if first == last:
        return lambda count: count / first
    square, twice_slope, sqrt = first * first, 2 * (last - first) / seconds, math.sqrt
    return lambda count: 2 * count / (first + sqrt(max(0.0, square + twice_slope * count)))


def highest_per_s(pace: Pace) -> float | None:
    """Return the highest rate at any time, or None of no pace."""
    return max((max(first, last) for first, last, _ in pace), default=None)


def varies(pace: Pace) -> bool:
    """Return whether the rate is not always the same.

    >>> varies([(10, 10, 2), (10, 10, 1)]), varies([(10, 20, 2)]), varies([])
    (False, True, False)
    """
    return len({rate for first, last, _ in pace for rate in (first, last)}) > 1


def mean_per_s(pace: Pace, begin_s: float, end_s: float) -> float:
    """Return the mean rate between two instants of a pace.

    >>> mean_per_s([(10, 30, 2), (100, 100, 1)], 1, 3)
    62.5
    """
    total_s, after_s, parts = end_s - begin_s, 0.0, []
    for first, last, seconds in pace:
        low, high = max(0.0, begin_s - after_s), min(seconds, end_s - after_s)
        if low < high:
            in_the_middle = first + (last - first) * (low + high) / 2 / seconds
            parts.append(in_the_middle * ((high - low) / total_s))
        after_s += seconds
    return math.fsum(parts)


def due_by(pace: Pace, until_s: float) -> float:
    """Return how many slots come due up to an instant.

    >>> due_by([(10, 30, 2), (100, 100, 1)], 1), due_by([(10, 30, 2)], 0)
    (15.0, 0.0)
    """
    return mean_per_s(pace, 0.0, until_s) * until_s if until_s else 0.0


def reached_s(pace: Pace, count: float) -> float | None:
    """Return when so many slots have come due, or None: a pace that ends before.

    >>> reached_s([(10, 10, 2), (40, 40, 2)], 60), reached_s([(10, 10, 2)], 21)
    (3.0, None)
    """
    for before, begin_s, stretch in laid_out(pace):
        if count - before <= due(stretch):
            return begin_s + inverse(stretch)(count - before)
    return None


def laid_out(pace: Pace) -> Iterator[tuple[float, float, Stretch]]:
    """Yield (slots due before it, seconds before it, stretch) for each stretch."""
    for index, stretch in enumerate(pace):
        gone = pace[:index]
        yield math.fsum(map(due, gone)), math.fsum(each[2] for each in gone), stretch
