"""Which points run side by side: as many as the processors carry, the longest first."""

import random
from collections.abc import Callable, Hashable, Sequence
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


def shuffled(
    items: Sequence[Item],
    cpu: Callable[[Item], float],
    cpus: int,
    *,
    group: Callable[[Item], Hashable],
    seed: int,
    most: int = 32,
) -> list[list[Item]]:
    """Return waves of repeated items in a random order: as many as pack() needs, or few more.

    Repetitions of one group are kept apart in time where there is more than one wave, so that what
    disturbs the machine for a while meets all groups alike: an item goes to the wave with the
    fewest of its group, of these to the one with most room. Items that ask for the same come in
    random order, and so do the waves: no group always runs first, or beside the same others.
    """
    chance = random.Random(seed)
    budget = 0.9 * cpus
    drawn = chance.sample(list(items), len(items))
    waves: list[list[Item]] = [[] for _ in pack(items, cpu, cpus, most)]
    used = [0.0] * len(waves)
    for item in sorted(drawn, key=cpu, reverse=True):
        asked, own = cpu(item), group(item)
        able = [
            number
            for number, wave in enumerate(waves)
            if not wave or (used[number] + asked <= budget and len(wave) < most)
        ]
        if not able:
            able = [len(waves)]
            waves.append([])
            used.append(0.0)
        best = min(able, key=lambda n: (sum(group(one) == own for one in waves[n]), used[n]))
        waves[best].append(item)
        used[best] += asked
    kept = [chance.sample(wave, len(wave)) for wave in waves if wave]
    return chance.sample(kept, len(kept))
