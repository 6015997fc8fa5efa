"""When: the intended start of each connection. Pure; no clock, no socket."""

from collections.abc import Iterator

NS_PER_S = 1_000_000_000


def constant(
    rate_per_s: float, start_ns: int, until_ns: int, *, share: int = 0, shares: int = 1
) -> Iterator[int]:
    """Yield the intended starts of a constant rate, in ns; of `shares` workers, number `share`'s.

    Each slot is computed from its number, so that no rounding adds up over a long run.

    >>> list(constant(4, 0, NS_PER_S))
    [0, 250000000, 500000000, 750000000]
    >>> list(constant(4, 0, NS_PER_S, share=1, shares=2))
    [250000000, 750000000]
    """
    number = share
    while (slot := start_ns + round(number * NS_PER_S / rate_per_s)) < until_ns:
        yield slot
        number += shares
