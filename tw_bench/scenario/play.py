"""The story of a scenario: its steps one after the other, what was expected, what was observed."""

import asyncio
import csv
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from tw_bench.errors import HostError, TwBenchError
from tw_bench.lab.lab import KeeperLink
from tw_bench.profile.expectations import CALL, LEFT, SIDES, STATES, Expectation
from tw_bench.profile.scenario import ReadScenario
from tw_bench.profile.scenario_steps import Step
from tw_bench.results.files import digest
from tw_bench.results.played import (
    CAPTURE,
    CHANGE_COLUMNS,
    CHANGES,
    PLAYED,
    SEGMENT_COLUMNS,
    SEGMENTS,
    Check,
    Played,
    TakenStep,
)
from tw_bench.results.run_folder import SAMPLES, utc_now
from tw_bench.scenario.places import topology
from tw_bench.scenario.stage import Stage
from tw_bench.scenario.telling import tell
from tw_bench.scenario.verbs import VERBS
from tw_bench.scenario.watching import Observed, observe, settled

_LOOK_S = 0.02  # between two looks at an expectation that does not hold yet
_SECONDS = ("took", *STATES)  # of a name: expectations in seconds


class _Ended(Exception):
    """A step failed that the next ones build on."""


class Play:
    """One scenario being played."""

    def __init__(self, read: ReadScenario, folder: Path, kernel: str) -> None:
        self.read = read
        self.folder = folder
        self.checks: list[Check] = []
        self.steps: list[TakenStep] = []
        self._left_out: dict[str, int] = {}
        self._kernel = kernel
        self._stage = Stage(
            read.name, topology(read.scenario), round(read.scenario.lab.delay.number * 1e9)
        )

    async def play(self, link: KeeperLink) -> Played:
        """Play it and write its folder; what cannot be played says why, and costs no other."""
        started_at, began, needs_root = utc_now(), time.monotonic(), False
        self.folder.mkdir(parents=True, exist_ok=True)
        error = None
        try:
            await self._play(link)
        except TwBenchError as wrong:
            error, needs_root = str(wrong), isinstance(wrong, HostError)
        except _Ended:
            pass
        except Exception as wrong:  # a fault of ours costs this one, and not the folder
            error = f"{type(wrong).__name__}: {wrong}"
        passed = error is None and all(check.passed for check in self.checks)
        unplayed = "needs root" if needs_root else "not played"
        scenario = self.read.scenario
        played = Played(
            name=self.read.name,
            title=scenario.title,
            claim=scenario.claim,
            source=scenario.source,
            verdict="as claimed" if passed else unplayed if error else "otherwise",
            error=error,
            checks=sorted(self.checks, key=lambda check: check.step),
            steps=sorted(self.steps, key=lambda step: step.number),  # some were done together
            started_at=started_at,
            duration_s=time.monotonic() - began,
            kernel=self._kernel,
            profile_verbatim=self.read.verbatim,
            names={n: [list(c) for c in own] for n, own in self._stage.connections.items()},
            left_out=self._left_out,
            files={path.name: digest(path) for path in sorted(self.folder.iterdir())},
        )
        (self.folder / PLAYED).write_text(played.model_dump_json(indent=2) + "\n")
        return played

    async def _play(self, link: KeeperLink) -> None:
        with (self.folder / SAMPLES).open("w", newline="") as file:
            samples = csv.writer(file, lineterminator="\n")
            samples.writerow(("side", "time_s", *(f"state_{name.lower()}" for name in STATES)))

            def on_sample(at_ns: int, sides: dict[str, list[int]]) -> None:
                if not self._stage.begun_ns:
                    return
                at_s = f"{(at_ns - self._stage.begun_ns) / 1e9:.3f}"
                samples.writerows((side, at_s, *counts) for side, counts in sides.items())

            async with AsyncExitStack() as stack:
                await self._stage.open(stack, link, self.folder / CAPTURE, on_sample)
                try:
                    for steps in _together(self.read.scenario.steps):
                        await self._steps(steps)
                    # What was sent last has an answer on its way: three passages end the picture.
                    await asyncio.sleep(3 * self.read.scenario.lab.delay.number)
                except Exception:  # one that is cancelled has no end to report
                    with suppress(Exception):  # what went wrong first is what is told
                        self._write_report(await self._stage.ask("report"))
                    raise
                self._write_report(await self._stage.ask("report"))

    async def _steps(self, steps: list[tuple[int, Step]]) -> None:
        """Do steps side by side, to the end of all of them."""
        done = await asyncio.gather(
            *(self._step(number, step) for number, step in steps), return_exceptions=True
        )
        for wrong in done:
            if wrong is not None:
                raise wrong

    async def _step(self, number: int, step: Step) -> None:
        began_s, found = self._stage.elapsed_s, "ok"
        try:
            found = await self._take(number, step)
        finally:
            side, name, text = tell(step, self._stage.homes, self.read.scenario.steps[:number])
            self.steps.append(
                TakenStep(
                    number=number,
                    verb=step.verb,
                    side=side,
                    name=name,
                    text=text,
                    says=step.says,
                    errno=found,
                    at_s=round(began_s, 6),
                    ended_s=round(self._stage.elapsed_s, 6),
                )
            )
        if found != "ok" and getattr(step.asked, "fails", None) is None:
            self._check(number, step, f"{step.verb}: ok", found, False)
            raise _Ended

    async def _take(self, number: int, step: Step) -> str:
        """Take a step; return the errno it ended with, or ok."""
        if step.verb == "expect":
            for expectation in step.asked:
                await self._expect(number, step, expectation)
            return "ok"
        answer = await VERBS[step.verb](self._stage, step.asked)
        wanted = getattr(step.asked, "fails", None)
        found = str((answer or {}).get("errno", "ok"))
        if wanted is not None:
            self._check(number, step, f"{step.verb} fails: {wanted}", found, found == wanted)
        return found

    async def _expect(self, number: int, step: Step, expectation: Expectation) -> None:
        """Look until it holds; the last look begins when the time is up.

        A look may have to wait for its turn: what it saw before the time was up says nothing yet.
        """
        ends = time.monotonic() + step.within.number
        text, expectation = str(expectation), await settled(self._stage, expectation)
        while True:
            began = time.monotonic()
            observed = await observe(self._stage, expectation)
            if expectation.holds(observed) or began >= ends:
                break
            await asyncio.sleep(_LOOK_S)
        words = _words(expectation, observed)
        self._check(number, step, text, words, expectation.holds(observed))

    def _check(self, number: int, step: Step, expected: str, observed: str, passed: bool) -> None:
        self.checks.append(
            Check(
                step=number,
                place=self.read.places[number - 1],
                says=step.says,
                expected=expected,
                observed=observed,
                passed=passed,
                at_s=round(self._stage.elapsed_s, 3),
            )
        )

    def _write_report(self, report: dict[str, Any]) -> None:
        """Write every segment and every change of a state; times since the start."""
        begun_ns = self._stage.begun_ns
        self._left_out = report["left_out"]

        def seconds(at_ns: int | None) -> str:
            return "" if at_ns is None else f"{(at_ns - begun_ns) / 1e9:.6f}"

        with (self.folder / SEGMENTS).open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(SEGMENT_COLUMNS)
            for number, left_ns, arrived_ns, *rest in report["segments"]:
                rows.writerow((number, seconds(left_ns), seconds(arrived_ns), *rest))
        with (self.folder / CHANGES).open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(CHANGE_COLUMNS)
            for at_ns, side, connection, state in report["changes"]:
                rows.writerow((seconds(at_ns), side, *connection, state))


def _together(steps: list[Step]) -> Iterator[list[tuple[int, Step]]]:
    """Yield the steps, each with its number; those done `meanwhile` with the one that follows."""
    group: list[tuple[int, Step]] = []
    for number, step in enumerate(steps, 1):
        group.append((number, step))
        if not step.meanwhile or number == len(steps):
            yield group
            group = []


def _words(expectation: Expectation, observed: Observed) -> str:
    if isinstance(observed, str):
        return observed
    if expectation.what == CALL:
        return f"{observed * 1e6:,.1f} µs"
    if expectation.what == f"conntrack.{LEFT}":
        return f"{observed:,.0f} s"
    is_time = expectation.what in _SECONDS and expectation.owner not in SIDES
    return f"{observed:.4g} s" if is_time else f"{observed:,.0f}"
