"""`tw-bench run`: one profile, from the prediction to the pictures."""

import asyncio
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tw_bench.cli import run_options as options
from tw_bench.cli.ending import attempt, on_signals, until_done
from tw_bench.cli.gate import aborted, check_gate, pass_gate
from tw_bench.cli.output import stdout
from tw_bench.errors import HostError, ProfileError

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console

    from tw_bench.experiment import Run
    from tw_bench.plan.host_facts import HostFacts
    from tw_bench.plan.plan import Plan
    from tw_bench.profile.reader import Experiment
    from tw_bench.results.resuming import Unfinished
    from tw_bench.results.run_folder import RunFolder
    from tw_bench.results.schema import Manifest, Status, Summary


def run(
    profile: options.ProfilePath = None,
    out: options.OutPath = None,
    settings: options.SettingTexts = None,
    as_json: options.AsJson = False,
    progress: options.Progress = True,
    recalibrate: options.Recalibrate = False,
    resume: options.ResumePath = None,
    thresholds: options.ThresholdTexts = None,
    junit: options.JunitPath = None,
) -> None:
    """Run a profile: predict, measure in a private lab, and compare; or play scenarios."""
    from rich.console import Console

    from tw_bench.cli.scenarios import play
    from tw_bench.plan.host_facts import read_host_facts

    if sys.platform != "linux":
        raise HostError(f"tw-bench run needs Linux and its namespaces; this is {sys.platform}")
    out_file = stdout()
    console = Console(file=out_file, quiet=as_json, highlight=False)
    texts = tuple(settings or ()), tuple(thresholds or ())
    if profile is not None and resume is None and _has_steps(profile):
        if any(texts) or junit is not None or recalibrate:
            raise ProfileError(
                f"{profile}: a scenario says itself what is done and expected: want no --set, "
                "--threshold, --junit or --recalibrate"
            )
        play(profile, out, console, out_file if as_json else None, progress=progress)
        return
    experiment, begun = _asked(profile, texts, out, resume, read_host_facts())
    check_gate(experiment, junit, resume or out)
    shown = progress and not as_json
    ended = measure(experiment, out, console, begun, recalibrate=recalibrate, progress=shown)
    if as_json:
        print(ended.summary.model_dump_json(indent=2), file=out_file, flush=True)
    error = pass_gate(junit, ended.summary, ended.manifest, ended.error)
    if error is not None:
        raise error


def _has_steps(path: Path) -> bool:
    """Whether it is a scenario, or a folder of claims."""
    from tw_bench.profile.scenario import is_scenario

    # Not is_dir(): that raises where the kernel does not take the path, and is_scenario says it.
    return os.path.isdir(path) or is_scenario(path)  # noqa: PTH112


class Ended(NamedTuple):
    """A run that came to its end, one way or another."""

    summary: "Summary"
    manifest: "Manifest"
    error: BaseException | None  # what went wrong first


def measure(
    experiment: "Experiment",
    out: Path | None,
    console: "Console",
    begun: "Unfinished | None" = None,
    *,
    recalibrate: bool = False,
    progress: bool = True,
) -> Ended:
    """Predict, measure, keep and show one profile; what is measured is kept whatever happens."""
    from tw_bench.plan.host_facts import read_host_facts
    from tw_bench.report.terminal import Live, show_result

    early: list[int] = []
    facts = read_host_facts()
    plan = _plan(experiment, facts, console, _seed(begun), recalibrate=recalibrate)
    story, manifest = _prepare(plan, out, begun, console, early)
    duration_s = plan.without(begun.kept if begun else ()).duration_s
    with Live(console, duration_s, enabled=progress) as live:
        story.watch = live.update
        error = attempt(lambda: asyncio.run(until_done(story, early)))
    summary, figures, error = _keep(story, manifest, error)
    show_result(console, summary, story.folder.path, figures)
    return Ended(summary, manifest, error)


def _asked(
    profile: Path | None,
    texts: tuple[tuple[str, ...], tuple[str, ...]],  # of --set and --threshold
    out: Path | None,
    resume: Path | None,
    facts: "HostFacts",
) -> tuple["Experiment", "Unfinished | None"]:
    """Return what is asked, and the interrupted run that asked it before."""
    from tw_bench.profile.reader import read
    from tw_bench.results.resuming import read_unfinished

    if resume is None:
        if profile is None:
            raise ProfileError("no profile is given: want tw-bench run PROFILE, or --resume DIR")
        return read(profile, *texts), None
    if profile is not None or any(texts) or out is not None:
        raise ProfileError(
            "--resume DIR asks what the run asked, in its folder: want no profile, --set, "
            "--threshold or --out"
        )
    begun = read_unfinished(resume, facts)
    return begun.experiment, begun


def _seed(begun: "Unfinished | None") -> int:
    """Return what shuffles repetitions: another order each run, the same when it is taken up."""
    seed = begun.manifest.shuffle_seed if begun else None
    return secrets.randbits(32) if seed is None else seed


def _plan(
    experiment: "Experiment",
    facts: "HostFacts",
    console: "Console",
    seed: int,
    *,
    recalibrate: bool,
) -> "Plan":
    """Predict, and calibrate what was never calibrated on this host."""
    from dataclasses import replace

    from tw_bench.calibration.measure import calibrate
    from tw_bench.plan.plan import make_plan

    # What is wrong with it is said before anything is measured.
    plan = make_plan(experiment, facts, seed)
    ending: list[int] = []

    def tell(kind: str) -> None:
        if ending:
            raise KeyboardInterrupt
        console.print(f"calibrating: {kind}", style="dim", soft_wrap=True)

    def end(number: int, frame: "FrameType | None") -> None:
        ending.append(number)
        if len(ending) > 1:
            raise KeyboardInterrupt

    on_signals(end)  # the first is noted, a second or two; the second one ends it at once
    facts, trouble = calibrate(plan.experiment.points, facts, again=recalibrate, tell=tell)
    on_signals(signal.default_int_handler)
    if ending:
        raise KeyboardInterrupt
    if facts.ceilings:
        plan = make_plan(experiment, facts, seed)
    if trouble is not None:
        unknown = f"what the generator can offer at the most is unknown: {trouble}"
        plan = replace(plan, findings=[*plan.findings, unknown])
    return plan


def _prepare(
    plan: "Plan",
    out: Path | None,
    begun: "Unfinished | None",
    console: "Console",
    early: list[int],
) -> tuple["Run", "Manifest"]:
    """Open the folder, and say what is about to happen.

    Once there is a folder it must be sealed: a signal that comes before the event loop can take
    it is kept in `early`.
    """
    from tw_bench.experiment import Run, open_manifest, reopen_manifest, sample_columns
    from tw_bench.report.found_text import search_text
    from tw_bench.report.terminal import show_plan
    from tw_bench.results.run_folder import RunFolder, choose_path

    experiment = plan.experiment
    on_signals(lambda number, frame: early.append(number))
    kept = begun.kept if begun else {}
    if begun is None:
        folder = RunFolder(choose_path(out, experiment.name), sample_columns(plan))
        manifest = open_manifest(plan, ["tw-bench", *sys.argv[1:]])
    else:
        folder = RunFolder(begun.path, sample_columns(plan), kept)
        manifest = reopen_manifest(begun.manifest, plan)
    folder.write_manifest(manifest)
    show_plan(
        console,
        title=experiment.profile.title,
        question=experiment.profile.question,
        planned=plan.planned,
        waves=plan.without(kept).waves,
        facts=plan.facts,
        findings=plan.findings,
        search=search_text(plan),
    )
    return Run(plan, folder, kept), manifest


def _keep(
    run: "Run", manifest: "Manifest", error: BaseException | None
) -> tuple["Summary", list[Path], BaseException | None]:
    """Write, draw and seal; return the summary, the pictures, and what went wrong first."""
    from tw_bench.errors import InterruptedRunError
    from tw_bench.experiment import close_manifest, sum_up

    folder = run.folder
    error = error or run.error
    on_signals(signal.SIG_IGN)  # a matter of milliseconds, and then the results are safe
    stopped = run.was_stopped or isinstance(error, KeyboardInterrupt)
    status: Status = "interrupted" if stopped else "failed" if error else "complete"
    summary = sum_up(run.plan, run.results, status)
    unwritten = attempt(lambda: folder.finish(summary))
    unwritten = unwritten or attempt(lambda: folder.add_openmetrics(manifest, summary))
    figures: list[Path] = []
    undrawn = attempt(lambda: figures.extend(_draw(folder))) if status == "complete" else None
    on_signals(signal.SIG_IGN)
    if isinstance(undrawn, KeyboardInterrupt):
        undrawn = InterruptedRunError(f"interrupted while it was drawn; {folder.path} is complete")
    if stopped:
        error = aborted(run, error) or InterruptedRunError(
            f"interrupted; what was measured is kept, tw-bench run --resume {folder.path} goes on"
        )
    error = error or unwritten or undrawn
    manifest = close_manifest(manifest, run.plan)
    unsealed = attempt(lambda: folder.seal(manifest, status, str(error) if error else None))
    on_signals(signal.default_int_handler)  # what is left to do can be done again
    unwritten = attempt(lambda: _write_page(folder))
    return summary, figures, error or unsealed or unwritten


def _draw(folder: "RunFolder") -> list[Path]:
    """Draw; a signal leaves the drawing, not the run."""
    on_signals(signal.default_int_handler)
    from tw_bench.report.figures import draw_all

    return draw_all(folder.path)


def _write_page(folder: "RunFolder") -> None:
    """Write report.html from the folder, as `tw-bench report` does."""
    from tw_bench.report.page.page import write
    from tw_bench.results.reading import load_run
    from tw_bench.results.run_folder import PAGE

    write([load_run(folder.path)], folder.path / PAGE)
