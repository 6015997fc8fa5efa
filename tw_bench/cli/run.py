"""`tw-bench run`: one profile, from the prediction to the pictures."""

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tw_bench.cli.output import stdout
from tw_bench.errors import HostError

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console

    from tw_bench.experiment import Run
    from tw_bench.plan.plan import Plan
    from tw_bench.results.run_folder import RunFolder
    from tw_bench.results.schema import Manifest, Status, Summary


Handler = Callable[[int, "FrameType | None"], object] | signal.Handlers

_ENDING = (signal.SIGINT, signal.SIGTERM)


def run(
    profile: Annotated[Path, typer.Argument(help="A YAML file that asks a question.")],
    out: Annotated[
        Path | None, typer.Option(help="The run folder, a new one; else results/TIME-NAME.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change the profile: load.rate=400/s."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json, nothing else.")] = (
        False
    ),
    progress: Annotated[bool, typer.Option(help="Show the run while it runs.")] = True,
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="Measure anew what the generator can offer here.")
    ] = False,
) -> None:
    """Run a profile: predict, measure in a private lab, and compare."""
    from rich.console import Console

    from tw_bench.report.terminal import Live, show_result

    if sys.platform != "linux":
        raise HostError(f"tw-bench run needs Linux and its namespaces; this is {sys.platform}")
    out_file = stdout()
    console = Console(file=out_file, quiet=as_json, highlight=False)
    early: list[int] = []
    plan = _plan(profile, tuple(settings or ()), console, recalibrate=recalibrate)
    story, manifest = _prepare(plan, out, console, early)
    with Live(console, plan.duration_s, enabled=progress and not as_json) as live:
        story.watch = live.update
        error = _attempt(lambda: asyncio.run(_until_done(story, early)))
    summary, figures, error = _keep(story, manifest, error)
    if as_json:
        print(summary.model_dump_json(indent=2), file=out_file, flush=True)
    show_result(console, summary, story.folder.path, figures)
    if error is not None:
        raise error


def _plan(
    profile: Path, settings: tuple[str, ...], console: "Console", *, recalibrate: bool
) -> "Plan":
    """Read, predict, and calibrate what was never calibrated on this host."""
    from dataclasses import replace

    from tw_bench.calibration.measure import calibrate
    from tw_bench.plan.host_facts import read_host_facts
    from tw_bench.plan.plan import make_plan
    from tw_bench.profile.reader import read

    experiment, facts = read(profile, settings), read_host_facts()
    plan = make_plan(experiment, facts)  # what is wrong with it is said before anything is measured
    ending: list[int] = []

    def tell(kind: str) -> None:
        if ending:
            raise KeyboardInterrupt
        console.print(f"calibrating: {kind}", style="dim", soft_wrap=True)

    def end(number: int, frame: "FrameType | None") -> None:
        ending.append(number)
        if len(ending) > 1:
            raise KeyboardInterrupt

    _on_signals(end)  # the first is noted, a second or two; the second one ends it at once
    facts, trouble = calibrate(plan.experiment.points, facts, again=recalibrate, tell=tell)
    _on_signals(signal.default_int_handler)
    if ending:
        raise KeyboardInterrupt
    if facts.ceilings:
        plan = make_plan(experiment, facts)
    if trouble is not None:
        unknown = f"what the generator can offer at the most is unknown: {trouble}"
        plan = replace(plan, findings=[*plan.findings, unknown])
    return plan


def _prepare(
    plan: "Plan", out: Path | None, console: "Console", early: list[int]
) -> tuple["Run", "Manifest"]:
    """Open the folder, and say what is about to happen.

    Once there is a folder it must be sealed: a signal that comes before the event loop can take
    it is kept in `early`.
    """
    from tw_bench.experiment import SAMPLE_COLUMNS, Run, open_manifest
    from tw_bench.report.found_text import search_text
    from tw_bench.report.terminal import show_plan
    from tw_bench.results.run_folder import RunFolder, choose_path

    experiment = plan.experiment
    _on_signals(lambda number, frame: early.append(number))
    folder = RunFolder(choose_path(out, experiment.name), SAMPLE_COLUMNS)
    manifest = open_manifest(plan, ["tw-bench", *sys.argv[1:]])
    folder.write_manifest(manifest)
    show_plan(
        console,
        title=experiment.profile.title,
        question=experiment.profile.question,
        planned=plan.planned,
        waves=plan.waves,
        facts=plan.facts,
        findings=plan.findings,
        search=search_text(plan),
    )
    return Run(plan, folder), manifest


def _keep(
    run: "Run", manifest: "Manifest", error: BaseException | None
) -> tuple["Summary", list[Path], BaseException | None]:
    """Write, draw and seal; return the summary, the pictures, and what went wrong first."""
    from tw_bench.errors import InterruptedRunError
    from tw_bench.experiment import close_manifest, sum_up

    folder = run.folder
    error = error or run.error
    _on_signals(signal.SIG_IGN)  # a matter of milliseconds, and then the results are safe
    stopped = run.was_stopped or isinstance(error, KeyboardInterrupt)
    status: Status = "interrupted" if stopped else "failed" if error else "complete"
    summary = sum_up(run.plan, run.results, status)
    unwritten = _attempt(lambda: folder.finish(summary))
    figures: list[Path] = []
    undrawn = _attempt(lambda: figures.extend(_draw(folder))) if status == "complete" else None
    _on_signals(signal.SIG_IGN)
    if stopped or isinstance(undrawn, KeyboardInterrupt):
        status = "interrupted"
        error = InterruptedRunError(f"interrupted; what was measured is kept in {folder.path}")
    error = error or unwritten or undrawn
    manifest = close_manifest(manifest, run.plan)
    unsealed = _attempt(lambda: folder.seal(manifest, status, str(error) if error else None))
    _on_signals(signal.default_int_handler)
    return summary, figures, error or unsealed


def _on_signals(handler: "Handler") -> None:
    """Set what Ctrl-C and SIGTERM do while the event loop does not have them."""
    for number in _ENDING:
        signal.signal(number, handler)


def _attempt(step: Callable[[], object]) -> BaseException | None:
    """Return what a step raised: whatever it was, the results so far are kept and shown first."""
    try:
        step()
    except (Exception, KeyboardInterrupt) as error:
        return error
    return None


def _draw(folder: "RunFolder") -> list[Path]:
    """Draw; a signal leaves the drawing, not the run."""
    _on_signals(signal.default_int_handler)
    from tw_bench.report.figures import draw_all

    return draw_all(folder.path)


async def _until_done(run: "Run", early: list[int]) -> None:
    """Run to the end; a first signal ends it in order, a second one at once."""
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(run.run())

    def end() -> None:
        if run.was_stopped:
            running.cancel()
        else:
            run.stop()

    for number in _ENDING:
        loop.add_signal_handler(number, end)
    if early:
        end()
    try:
        await running
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
