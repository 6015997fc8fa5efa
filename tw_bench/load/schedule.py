"""When: the intended start of each connection. Pure; no clock, no socket.

The slots of a schedule are numbered, and a slot's instant follows from its number alone: it is
when the pace has let so many come due. So no rounding adds up over a long run, and workers that
take every so-manyth number share a schedule. Drawn arrivals go the same way with numbers that are
not whole: those of a Poisson process of rate 1, which the pace stretches to its own rate (time
rescaling; Brown et al., Neural Computation 14, 2002).
"""

import itertools
import math
import random
from collections.abc import Callable, Iterator

from tw_bench.plan.pace import Pace, due, inverse, laid_out

NS_PER_S = 1_000_000_000


def constant(share: int, shares: int) -> Iterator[float]:
    """Yield every `shares`th number from `share` on: the slots of one of so many workers.

    >>> list(itertools.islice(constant(1, 3), 3))
    [1, 4, 7]
    """
    return itertools.count(share, shares)


def poisson(share: int, shares: int) -> Iterator[float]:
    """Yield the points of a Poisson process of rate 1 / shares, the same in every run.

    Those of all shares together are a Poisson process of rate 1: independent ones add up.
    """
    # Named, so that the draws are not those of the lifetimes or the source ports of this worker.
    draw = random.Random(f"arrivals {share}")
    return itertools.accumulate(draw.expovariate(1 / shares) for _ in itertools.count())


ARRIVALS: dict[str, Callable[[int, int], Iterator[float]]] = {
    "constant": constant,
    "poisson": poisson,
}


def slots(
    pace: Pace,
    start_ns: int,
    until_ns: int,
    *,
    arrivals: str = "constant",
    share: int = 0,
    shares: int = 1,
) -> Iterator[int]:
    """Yield the intended starts of a pace, in ns and in order; of `shares` workers, `share`'s.

    The last stretch goes on until `until_ns`, whatever its length.

    >>> list(slots([(4, 4, 1)], 0, NS_PER_S))
    [0, 250000000, 500000000, 750000000]
    >>> list(slots([(4, 4, 1)], 0, NS_PER_S, share=1, shares=2))
    [250000000, 750000000]
    """
    numbers = ARRIVALS[arrivals](share, shares)
    number = next(numbers)
    for place, (before, begin_s, stretch) in enumerate(laid_out(pace), 1):
        ends = before + due(stretch) if place < len(pace) else math.inf
        into_s = inverse(stretch)
        while number < ends:
            slot = start_ns + round((begin_s + into_s(number - before)) * NS_PER_S)
            if slot >= until_ns:
                return
            yield slot
            number = next(numbers)
