"""How many requests a connection carries. Pure.

`N` is a fixed number, `A-B` is drawn evenly between the two, `geometric N` ends after each
request with the same chance, N on average.
"""

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any


def lifetimes(spec: dict[str, Any]) -> Iterator[int]:
    """Yield the number of requests of one connection after the other, the same in every run.

    >>> import itertools
    >>> list(itertools.islice(lifetimes({"kind": "fixed", "least": 3, "most": 3}), 2))
    [3, 3]
    """
    draw = random.Random(spec.get("seed", 0))
    match spec["kind"]:
        case "fixed":
            return itertools.repeat(int(spec["least"]))
        case "uniform":
            return (draw.randint(spec["least"], spec["most"]) for _ in itertools.count())
        case "geometric":
            end = 1 / spec["mean"]
            return (_geometric(draw.random(), end) for _ in itertools.count())
        case kind:
            raise ValueError(kind)


def _geometric(chance: float, end: float) -> int:
    """Return how many requests until the first that is the last (inverse of the distribution)."""
    return 1 if end >= 1 else 1 + int(math.log(1 - chance) / math.log(1 - end))
