"""tw-bench in its own table: its load workers as a run starts them, with everything recorded.

Not the whole `tw-bench run`: that cannot pin its processes, and its nginx keeps connections open.
But all that a run does while there is load: the workers are started from the profile, by
load/fleet.py; a row for every connection comes out of them each second, and is folded by
results/tally.py; intervals, samples and histograms are written to a run folder; and the sampler
reads both sides' counters ten times a second. Rows are folded, and counters read, by this process,
which is not on the generator's processor (ground.py).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.generators.catalogue import Said
from tests.bench.generators.ground import Ground
from tw_bench.load.fleet import Fleet
from tw_bench.load.specs import worker_specs
from tw_bench.observe.counters import COLUMNS
from tw_bench.observe.observer import sampling
from tw_bench.plan.prediction import Prediction
from tw_bench.profile.model import Point
from tw_bench.results import histogram
from tw_bench.results.outcomes import OK
from tw_bench.results.run_folder import RunFolder
from tw_bench.results.schema import Summary
from tw_bench.results.tally import NS_PER_S, Tally

NAME = "tw-bench, one worker"
_RELEASE_S = 0.3  # to the first connection: the sampler starts in it
_SAMPLES_S = 0.1


@dataclass(frozen=True, slots=True)
class Task:
    """What the workers are asked: a point of profile.yaml and what the plan makes of it."""

    point: Point
    prediction: Prediction


class Kept:
    """Folds what the workers and the sampler hand over, and writes it, as a trial does."""

    def __init__(self, task: Task, folder: RunFolder, start_ns: int) -> None:
        self._id = task.point.id
        self._folder = folder
        until_ns = start_ns + round(task.prediction.window_s * NS_PER_S)
        self.tally = Tally(self._id, start_ns, start_ns, until_ns)

    def on_frame(self, worker: int, head: dict[str, Any], rows: bytes) -> None:
        """Take a worker's rows of a second."""
        if head.get("end"):
            return
        interval = self.tally.add_frame(worker, head, rows)
        self._folder.add_interval(interval.row(self._id, worker))
        end_s = (head["at_ns"] - self.tally.start_ns) / NS_PER_S
        for values_ns, add in (
            (interval.latency, self._folder.add_latency),
            (interval.service_time, self._folder.add_service_time),
        ):
            second = histogram.histogram()
            histogram.add(second, values_ns)
            add(self._id, max(0.0, end_s - 1), end_s, second)

    def on_sample(self, point: str, side: str, at_ns: int, values: list[int]) -> None:
        """Take a sample of a side's counters."""
        self.tally.add_sample(side, at_ns, values[0])
        self._folder.add_sample([point, side, f"{at_ns / NS_PER_S:.3f}", *values])


async def run_workers(
    here: Ground, task: Task, called: Sequence[tuple[str, int]], folder: Path
) -> Said:
    """Run the workers of a point against what is called, and return what they recorded."""
    sources = here.lab.topology.side("client").ips
    keeping: list[Kept] = []
    fleet = Fleet(
        task.point.id,
        worker_specs(task.point, task.prediction, sources, called),
        lambda worker, head, rows: keeping[0].on_frame(worker, head, rows),
    )
    try:
        await fleet.start(here.spawn)
        start_ns = time.monotonic_ns() + round(_RELEASE_S * NS_PER_S)
        run_folder = RunFolder(folder / "run", COLUMNS)
        run_folder.begin_latency_log(time.time() + _RELEASE_S)
        keeping.append(Kept(task, run_folder, start_ns))
        sides = {(task.point.id, side): files for side, files in here.lab.counters.items()}
        async with sampling(sides, _SAMPLES_S, start_ns, keeping[0].on_sample):
            await fleet.run(start_ns)
        run_folder.finish(Summary(name="", title="", question="", status="complete", points=[]))
    finally:
        await fleet.stop()
    tally = keeping[0].tally
    tried = [(code, count) for code, count in tally.outcomes.items() if code >= 0]
    errors = sum(count for code, count in tried if code != OK)
    cpu_s = sum(worker.cpu_ns for worker in tally.workers.values()) / NS_PER_S
    return Said(tally.in_window[OK] / task.prediction.window_s, errors, cpu_s)
