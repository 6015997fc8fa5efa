"""Many scenarios side by side: each has a lab of its own, and most of them mostly wait."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from tw_bench.lab.lab import keeper
from tw_bench.profile.scenario import ReadScenario
from tw_bench.profile.scenario_steps import Step
from tw_bench.results.played import Played
from tw_bench.scenario.play import Play

_TOGETHER = 10  # each is four processes that wait; their starts are what costs

OnDone = Callable[[Played], None]


async def play_all(
    scenarios: Sequence[ReadScenario], places: Sequence[Path], kernel: str, on_done: OnDone
) -> list[Played]:
    """Play each scenario into its folder, the longest first; return what came of them, in order.

    Raises:
        HostError: this host forbids user namespaces.
    """
    room = asyncio.Semaphore(_TOGETHER)

    async def one(read: ReadScenario, place: Path) -> Played:
        async with room:
            played = await Play(read, place, kernel).play(link)
        on_done(played)
        return played

    order = sorted(range(len(scenarios)), key=lambda n: -longest_s(scenarios[n].scenario.steps))
    with keeper(isolated=True) as link:
        tasks = {n: asyncio.ensure_future(one(scenarios[n], places[n])) for n in order}
        try:
            await asyncio.gather(*tasks.values())
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
    return [tasks[n].result() for n in range(len(scenarios))]


def longest_s(steps: Sequence[Step]) -> float:
    """Return how long steps may take together, at the most."""
    lasts_s = 0.0
    for step in steps:
        asked = step.asked
        if step.verb == "wait":
            lasts_s += asked.number
        elif step.verb == "expect":
            lasts_s += step.within.number
        else:
            waits = (getattr(asked, name, None) for name in ("retry", "within"))
            lasts_s += sum(wait.number for wait in waits if wait is not None)
    return lasts_s
