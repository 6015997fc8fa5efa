"""Which points run side by side: as many as the processors carry, the longest first."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def pack(
    items: Sequence[Item], cpu: Callable[[Item], float], cpus: int, most: int = 32
) -> list[list[Item]]:
    """Return waves of items whose predicted CPU fits the machine (first fit, largest first).

    An item that alone asks for more than the machine has gets a wave to itself. Within a wave
    the order of the items is kept.

    >>> pack([0.1, 1.2, 0.3, 0.9], cpu=lambda x: x, cpus=2)
    [[0.1, 1.2, 0.3], [0.9]]
    """
    budget = 0.9 * cpus  # the sampler, the terminal and the system want the rest
    waves: list[list[Item]] = []
    for item in sorted(items, key=cpu, reverse=True):
        for wave in waves:
            if sum(map(cpu, wave)) + cpu(item) <= budget and len(wave) < most:
                wave.append(item)
                break
        else:
            waves.append([item])
    order = {id(item): index for index, item in enumerate(items)}
    return [sorted(wave, key=lambda item: order[id(item)]) for wave in waves]
