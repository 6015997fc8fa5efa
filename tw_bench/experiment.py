"""The story of one run. Read this first.

A profile says what is asked; the plan predicts what should happen; the lab is where it happens; a
target is called; the load calls it; the observer watches the kernel from outside; the results
keep it; the report shows it. Points run side by side in waves, each in a lab of its own
(trial.py), so that a sweep takes the time of one point and no point inherits another's TIME_WAIT.
Where a profile looks for a rate, a wave is a round of probes, and what it found decides the next.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tw_bench.errors import TwBenchError
from tw_bench.lab.lab import KeeperLink, keeper
from tw_bench.lab.topology import topology
from tw_bench.observe import counters, states
from tw_bench.observe.observer import sampling
from tw_bench.plan.plan import Plan
from tw_bench.report.live import RunState
from tw_bench.results.aborting import first_met, settle_aborts
from tw_bench.results.found import find, probes
from tw_bench.results.run_folder import RunFolder, utc_now
from tw_bench.results.schema import Manifest, PointResult, Status, Summary
from tw_bench.results.thresholds import judge, settle
from tw_bench.trial import Trial

__all__ = [
    "Run",
    "close_manifest",
    "open_manifest",
    "reopen_manifest",
    "sample_columns",
    "sum_up",
]

Watch = Callable[[RunState], None]

_PACKAGES = ("tw-bench", "uvloop", "pyroute2", "hdrhistogram", "numpy", "matplotlib", "pydantic")
_RELEASE_S = 0.5  # from the last preparation to the first connection: the sampler starts in it
_REFRESH_S = 0.25


class Run:
    """A run in progress: the trials so far, and the way to stop them."""

    def __init__(
        self, plan: Plan, folder: RunFolder, kept: Mapping[str, PointResult] | None = None
    ) -> None:
        self.plan = plan
        self.folder = folder
        self._kept = dict(kept or {})  # by id: run to their end before this run was interrupted
        self.watch: Watch = lambda state: None  # is told a few times a second
        self._stop = asyncio.Event()
        self.aborted: dict[str, str] = {}  # id → what `abort_on` ended the run for
        self._aborts = settle_aborts(plan.experiment.bounds.abort_on)
        self._wave = 0
        self._begun = time.monotonic()
        self.trials: dict[str, Trial] = {}
        self._add_trials()

    def stop(self) -> None:
        """End the run soon: no new connections, and what was measured is kept."""
        self._stop.set()
        for trial in self.trials.values():
            trial.interrupt()

    @property
    def was_stopped(self) -> bool:
        """Whether somebody asked the run to end."""
        return self._stop.is_set()

    @property
    def results(self) -> list[PointResult]:
        """What became of each point, in the profile's order."""
        results = [
            self._kept.get(point.id) or self.trials[point.id].result()
            for point, _ in self.plan.planned
        ]
        return [
            result.model_copy(update={"error": result.error or self.aborted.get(result.id)})
            for result in results
        ]

    @property
    def error(self) -> TwBenchError | None:
        """The first failure of a point."""
        return next((trial.error for trial in self.trials.values() if trial.error), None)

    async def run(self) -> None:
        """Run every wave; a point that fails does not stop the others."""
        with ExitStack() as stack:
            kinds = {topology(point).isolated for point, _ in self.plan.planned}
            keepers = {kind: stack.enter_context(keeper(isolated=kind)) for kind in kinds}
            for wave in self._waves():
                trials = [self.trials[id] for id in wave if id not in self._kept]
                if trials:
                    await self._run_wave(trials, keepers)
                    self._keep(trials)

    def _waves(self) -> Iterator[list[str]]:
        """Yield the waves until somebody stops the run; a search adds to them as it goes."""
        while self._wave < len(self.plan.waves) and not self._stop.is_set():
            self._wave += 1
            yield self.plan.waves[self._wave - 1]
            if self._wave == len(self.plan.waves):
                self._search_on()

    def _keep(self, trials: list[Trial]) -> None:
        """Write what there is after a wave, so that a run that is killed can be taken up again."""
        for trial in trials:
            if trial.tally is not None:
                self.folder.add_percentiles(trial.point.id, "latency", trial.tally.latency)
                self.folder.add_percentiles(
                    trial.point.id, "service_time", trial.tally.service_time
                )
        begun = {id for wave in self.plan.waves[: self._wave] for id in wave}
        results = [result for result in self.results if result.id in begun]
        self.folder.keep(sum_up(self.plan, results, "running"))

    def _search_on(self) -> None:
        """Add the next round of a search, unless it has an answer, was stopped or has failed."""
        if self.plan.search is None or self._stop.is_set() or self.error:
            return
        self.plan = self.plan.continued(probes(self.plan.search, self.results))
        self._add_trials()

    def _add_trials(self) -> None:
        """Make a trial of each point that the plan has and the run has not."""
        for point, prediction in self.plan.planned:
            if point.id not in self.trials and point.id not in self._kept:
                self.trials[point.id] = Trial(point, prediction, self.folder)

    async def _run_wave(self, trials: list[Trial], keepers: Mapping[bool, KeeperLink]) -> None:
        async with AsyncExitStack() as stack:
            watching = asyncio.ensure_future(self._keep_watching())
            stack.callback(watching.cancel)
            await asyncio.gather(
                *(trial.prepare(stack, keepers[trial.is_isolated]) for trial in trials)
            )
            ready = [trial for trial in trials if trial.error is None]
            if not ready or self._stop.is_set():
                return
            await self._measure(ready, watching)

    async def _measure(self, trials: list[Trial], watching: "asyncio.Task[None]") -> None:
        by_id = {trial.point.id: trial for trial in trials}
        start_ns = time.monotonic_ns() + round(_RELEASE_S * 1e9)
        self.folder.begin_latency_log(time.time() + _RELEASE_S)
        for trial in trials:
            trial.begin(start_ns)
        sides = {key: files for trial in trials for key, files in trial.descriptors.items()}
        interval_s = min(trial.point.observe.interval.number for trial in trials)
        async with sampling(
            sides,
            interval_s,
            start_ns,
            lambda point, side, at_ns, values: by_id[point].on_sample(side, at_ns, values),
        ) as sampler:
            running = [asyncio.ensure_future(trial.run()) for trial in trials]
            load = asyncio.gather(*running)
            others = (sampler, watching)  # end before the load only by what went wrong
            await asyncio.wait((load, *others), return_when=asyncio.FIRST_COMPLETED)
            # Where one ended too soon, the sampler, the watch of abort_on, or the load for want of
            # a place to write, the rest would be blind; a trial that is done does not mind.
            for trial in trials:
                trial.interrupt()
            await asyncio.wait(running)
            await load
            for task in others:
                if task.done():
                    await task

    async def _keep_watching(self) -> None:
        while True:
            self._abort_if_met()
            self.watch(self._state())
            await asyncio.sleep(_REFRESH_S)

    def _abort_if_met(self) -> None:
        """End the run once a point that is under way has come to what `abort_on` says."""
        for trial in self.trials.values():
            if trial.tally is None or trial.is_done or self.was_stopped:
                continue
            met = first_met(self._aborts, trial.point, trial.tally, trial.prediction.four_tuples)
            if met:
                seconds = (time.monotonic_ns() - trial.tally.start_ns) / 1e9
                self.aborted[trial.point.id] = f"{met} after {seconds:.1f} s"
                self.stop()

    def _state(self) -> RunState:
        ids = self.plan.waves[self._wave - 1]
        return RunState(
            elapsed_s=time.monotonic() - self._begun,
            total_s=self.plan.duration_s,
            wave=self._wave,
            waves=self.plan.most_waves,
            at_most=self.plan.search is not None,
            points=tuple(self.trials[id].state for id in ids if id in self.trials),
        )


def sample_columns(plan: Plan) -> tuple[str, ...]:
    """Return the columns of samples.csv, behind point, side and time."""
    counts_states = any(point.observe.states for point, _ in plan.planned)
    return counters.COLUMNS + (states.COLUMNS if counts_states else ())


def open_manifest(plan: Plan, argv: list[str]) -> Manifest:
    """Return the manifest of a run that is about to begin."""
    experiment = plan.experiment
    return Manifest(
        name=experiment.name,
        status="running",
        started_at=utc_now(),
        argv=argv,
        settings=list(experiment.settings),
        thresholds=list(experiment.thresholds),
        profile_verbatim=experiment.verbatim,
        profile_effective=experiment.profile.model_dump(mode="json"),
        points=_planned_points(plan),
        waves=plan.waves,
        shuffle_seed=plan.shuffle_seed,
        host=plan.facts.to_dict(),
        versions={name: _version(name) for name in _PACKAGES},
        findings=plan.findings,
    )


def reopen_manifest(manifest: Manifest, plan: Plan) -> Manifest:
    """Return the manifest of an interrupted run that is taken up again."""
    begun = open_manifest(plan, manifest.argv)
    return begun.model_copy(
        update={
            "started_at": manifest.started_at,
            "resumed_at": [*manifest.resumed_at, begun.started_at],
        }
    )


def close_manifest(manifest: Manifest, plan: Plan) -> Manifest:
    """Return the manifest with the points and waves that there were: a search added to them."""
    return manifest.model_copy(update={"points": _planned_points(plan), "waves": plan.waves})


def _planned_points(plan: Plan) -> list[dict[str, Any]]:
    return [
        {**point.model_dump(mode="json"), "prediction": prediction.to_dict()}
        for point, prediction in plan.planned
    ]


def sum_up(plan: Plan, results: list[PointResult], status: Status) -> Summary:
    """Return the summary of a run."""
    experiment = plan.experiment
    found = find(plan.search, results)
    return Summary(
        name=experiment.name,
        title=experiment.profile.title,
        question=experiment.profile.question,
        status=status,
        points=results,
        found=found,
        thresholds=judge(settle(experiment.bounds.thresholds), results, found),
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
