"""The rounds: in each, everything is measured once, in an order shuffled anew.

What is compared is compared within a round, and the median taken of the rounds' ratios: a machine
that is slower for a minute is slower for both.
"""

import random
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.generators.catalogue import CLOSE, KEEP, Generator
from tests.bench.generators.ground import PORT, Processors, ground, nginx, processors
from tests.bench.generators.own_worker import NAME, Task, run_workers
from tests.bench.generators.readings import Reading, read, read_whole, run_generator
from tw_bench.errors import TwBenchError
from tw_bench.lab.lab import KeeperLink
from tw_bench.lab.topology import topology
from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.plan import make_plan
from tw_bench.profile.reader import read as read_profile
from tw_bench.targets.base import Place
from tw_bench.targets.embedded import Embedded

TARGETS, WORKERS = "target", "workers"  # the tables beside CLOSE and KEEP
ONE_WORKER, TWO_WORKERS = "one worker", "two workers"
PROFILE = Path(__file__).parent / "profile.yaml"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a table, and how it is measured."""

    table: str
    name: str
    measure: Callable[[int], Awaitable[Reading]]  # of a round


class Rounds:
    """What is measured, and where."""

    def __init__(
        self,
        generators: Sequence[Generator],
        link: KeeperLink,
        usable: Sequence[int],
        facts: HostFacts,
    ) -> None:
        self._link = link
        self._usable = usable
        self._tasks = _tasks(facts)
        self._two_workers = _tasks(facts, "load.workers=2")
        self.entries = [
            *(self._foreign(each, mode) for each in generators for mode in each.arguments),
            *(self._own(mode, mode, NAME) for mode in (CLOSE, KEEP)),
            self._own(WORKERS, CLOSE, ONE_WORKER),
            self._own(WORKERS, CLOSE, TWO_WORKERS, workers=2),
            *(self._embedded(name) for name in self._tasks if name not in (CLOSE, KEEP)),
        ]

    async def run(self, count: int, seed: int, say: Callable[[str], None]) -> list[Reading]:
        """Run so many rounds; `say` is told in a line what has failed, and how far it is."""
        order, readings = random.Random(seed), list[Reading]()
        for number in range(1, count + 1):
            say(f"round {number} of {count}")
            for entry in order.sample(self.entries, len(self.entries)):
                try:
                    readings.append(await entry.measure(number))
                except TwBenchError as error:  # what the others have given is kept
                    say(f"{entry.table}, round {number}: left out: {error}")
        return readings

    def _foreign(self, generator: Generator, mode: str) -> Entry:
        async def measure(number: int) -> Reading:
            name = f"{number} {mode} {generator.name}"
            place = topology(self._tasks[mode].point)
            with tempfile.TemporaryDirectory() as folder:
                async with (
                    ground(name, place, self._link, processors(self._usable)) as here,
                    nginx(here, mode, Path(folder)),
                ):
                    return await read(
                        here,
                        lambda: run_generator(here, generator, mode),
                        round=number,
                        table=mode,
                        name=generator.name,
                    )

        return Entry(mode, generator.name, measure)

    def _own(self, table: str, mode: str, name: str, workers: int = 1) -> Entry:
        task = (self._tasks if workers == 1 else self._two_workers)[mode]
        cpus = processors(self._usable, workers)
        reading = read_whole if table == WORKERS else read

        async def measure(number: int) -> Reading:
            place = topology(task.point)
            with tempfile.TemporaryDirectory() as folder:
                async with (
                    ground(f"{number} {table} {name}", place, self._link, cpus) as here,
                    nginx(here, mode, Path(folder)),
                ):
                    called = [(place.side("server").ips[0], PORT)]
                    return await reading(
                        here,
                        lambda: run_workers(here, task, called, Path(folder)),
                        round=number,
                        table=table,
                        name=name,
                    )

        return Entry(table, name, measure)

    def _embedded(self, name: str) -> Entry:
        task = self._tasks[name]
        cpus = processors(self._usable)

        async def measure(number: int) -> Reading:
            return await self._against_embedded(number, task, name, cpus)

        return Entry(TARGETS, name.replace("-", " "), measure)

    async def _against_embedded(
        self, number: int, task: Task, name: str, cpus: Processors
    ) -> Reading:
        place = topology(task.point)
        called = [(ip, PORT) for ip in place.side("server").ips]
        with tempfile.TemporaryDirectory() as folder:
            stands = Place(side="server", listen=called, upstreams=[], folder=Path(folder))
            target = Embedded(task.point, stands)
            async with ground(f"{number} {name}", place, self._link, cpus) as here:
                try:
                    await target.start(here.spawn)
                    return await read(
                        here,
                        lambda: run_workers(here, task, called, Path(folder)),
                        round=number,
                        table=TARGETS,
                        name=name.replace("-", " "),
                    )
                finally:
                    await target.stop()


def _tasks(facts: HostFacts, *settings: str) -> dict[str, Task]:
    """Return the points of profile.yaml by their parts' names."""
    plan = make_plan(read_profile(PROFILE, settings), facts)
    return {point.part: Task(point, prediction) for point, prediction in plan.planned}
