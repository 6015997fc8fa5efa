"""Names for what a server's log says went wrong: errno names, or words where it has no errno."""

import errno
from collections import Counter
from collections.abc import Callable, Mapping


def errno_name(number: int) -> str:
    """Return EADDRNOTAVAIL for 99."""
    return errno.errorcode.get(number, f"errno {number}")


def renamed(counts: Mapping[bytes, int], name: Callable[[bytes], str]) -> dict[str, int]:
    """Return the counts under their names; several words may have one name."""
    sums: Counter[str] = Counter()
    for words, count in counts.items():
        sums[name(words)] += count
    return dict(sums)
