"""`tw-bench run` of scenarios: a file with steps, or a folder of claims."""

import asyncio
import json
import signal
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from tw_bench.cli.ending import ENDING, attempt, on_signals
from tw_bench.errors import (
    HostError,
    InterruptedRunError,
    LabError,
    ProfileError,
    ResultsError,
    ThresholdError,
    TwBenchError,
)

if TYPE_CHECKING:
    from rich.console import Console

    from tw_bench.profile.reader import Experiment
    from tw_bench.profile.scenario import ReadScenario
    from tw_bench.report.scenario_text import Claim
    from tw_bench.results.played import Played


def play(
    path: Path, out: Path | None, console: "Console", as_json: TextIO | None, *, progress: bool
) -> None:
    """Play a scenario, or every claim of a folder, and print one table.

    Raises:
        ThresholdError: something was otherwise than expected.
        TwBenchError: a scenario could not be played; those that could are shown.
    """
    from tw_bench.report.scenario_text import show_claims
    from tw_bench.results.run_folder import choose_path, make_folder

    scenarios, profiles = _read(path)
    name = path.resolve().name
    folder = choose_path(out, name if path.is_dir() else Path(name).stem)
    make_folder(folder)
    names = [read.name for read in scenarios]
    places = [folder / name for name in names] if path.is_dir() else [folder]
    claims, trouble = _played(scenarios, places, console, progress=progress)
    for experiment in profiles:
        if isinstance(trouble, InterruptedRunError):
            break
        claim, error = _measured(experiment, folder / experiment.name, console)
        claims.append(claim)
        trouble = error if isinstance(error, InterruptedRunError) else trouble or error
    if as_json is not None:
        print(json.dumps([_plain(claim) for claim in claims], indent=2), file=as_json, flush=True)
    if claims:
        show_claims(console, claims)
    if not isinstance(trouble, InterruptedRunError):
        undrawn = _drawn(places)
        trouble = trouble or undrawn
    console.print(f"results   {folder}", soft_wrap=True)
    if trouble is not None:
        raise trouble
    _require_good(claims)


def _require_good(claims: list["Claim"]) -> None:
    """Raise what the command ends with where a claim does not hold, or none could be played."""
    if all(claim.needs_root for claim in claims):
        raise HostError(claims[0].error or "")
    failed = [claim.name for claim in claims if not (claim.passed or claim.needs_root)]
    if failed:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise ThresholdError(f"otherwise than expected: {failed[0]}{more}")


def _read(path: Path) -> tuple[list["ReadScenario"], list["Experiment"]]:
    """Return the scenarios, and the profiles that say what they claim."""
    from tw_bench.profile.reader import read
    from tw_bench.profile.scenario import is_scenario, read_scenario

    files = [path]
    if path.is_dir():
        files = sorted((*path.glob("*.yaml"), *path.glob("*.yml")))
    if not files:
        raise ProfileError(f"{path}: holds no profile: want *.yaml in it")
    for one, other in pairwise(files):
        if one.stem == other.stem:
            raise ProfileError(f"{other}: {one} has the same name: want a name for each")
    steps = {file: is_scenario(file) for file in files}
    profiles = {file: read(file) for file, has_steps in steps.items() if not has_steps}
    for file, experiment in profiles.items():
        if not experiment.profile.claim:
            raise ProfileError(f"{file}: has neither steps nor a claim: run it by itself")
    scenarios = [read_scenario(file) for file, has_steps in steps.items() if has_steps]
    return scenarios, list(profiles.values())


def _played(
    scenarios: list["ReadScenario"], places: list[Path], console: "Console", *, progress: bool
) -> tuple[list["Claim"], TwBenchError | None]:
    """Play the scenarios side by side; return those that ended, with the first trouble."""
    from tw_bench.plan.host_facts import read_host_facts
    from tw_bench.report.scenario_text import of_played

    done: list[Played] = []
    shows = progress and console.is_terminal
    waiting = console.status(f"playing {len(scenarios)} scenarios") if shows else nullcontext()
    with waiting as status:

        def on_done(played: "Played") -> None:
            done.append(played)
            if status is not None:
                status.update(f"{len(done)} of {len(scenarios)} scenarios played")

        trouble: TwBenchError | None = None
        try:
            asyncio.run(_all(scenarios, places, read_host_facts().kernel, on_done))
        except (KeyboardInterrupt, asyncio.CancelledError):
            ended = f"{len(done)} of {len(scenarios)} scenarios ended before" if done else ""
            trouble = InterruptedRunError(f"interrupted; {ended or 'no verdict'}")
        on_signals(signal.default_int_handler)
    claims = sorted((of_played(each) for each in done), key=lambda claim: claim.name)
    wrong = next((each for each in claims if each.error and not each.needs_root), None)
    if trouble is None and wrong is not None:
        trouble = _trouble(wrong.name, wrong.error or "")
    return claims, trouble


async def _all(
    scenarios: list["ReadScenario"],
    places: list[Path],
    kernel: str,
    on_done: Callable[["Played"], None],
) -> None:
    """Play all of them; Ctrl-C and SIGTERM end what is being played, and ask it nothing more."""
    from tw_bench.scenario.programme import play_all

    playing = asyncio.ensure_future(play_all(scenarios, places, kernel, on_done))
    for number in ENDING:
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
    await playing


def _drawn(places: list[Path]) -> TwBenchError | None:
    """Draw each scenario; return the first trouble, which costs only the picture that it is of."""
    from tw_bench.report.scenario_pictures import draw_pictures

    trouble = None
    for place in places:
        error = attempt(partial(draw_pictures, place))
        if isinstance(error, KeyboardInterrupt):
            return InterruptedRunError(f"interrupted while {place} was drawn; all is kept")
        if error is not None and trouble is None:
            words = error if isinstance(error, TwBenchError) else f"{type(error).__name__}: {error}"
            trouble = ResultsError(f"{place.name}: was played, and not drawn: {words}")
    return trouble


def _trouble(name: str, error: str) -> TwBenchError:
    return LabError(error if error.startswith(name) else f"{name}: {error}")


def _measured(
    experiment: "Experiment", folder: Path, console: "Console"
) -> tuple["Claim", TwBenchError | None]:
    """Run a profile whose thresholds are what its claim expects; its own tables are not shown."""
    from rich.console import Console

    from tw_bench.cli.run import measure
    from tw_bench.report.scenario_text import not_measured, of_summary

    console.print(f"measuring: {experiment.name}", style="dim", soft_wrap=True)
    profile = experiment.profile
    try:
        ended = measure(experiment, folder, Console(quiet=True), progress=False)
    except TwBenchError as error:  # before anything was measured
        return not_measured(experiment.name, profile, str(error)), error
    except KeyboardInterrupt:
        interrupted = InterruptedRunError("interrupted")
        return not_measured(experiment.name, profile, str(interrupted)), interrupted
    wrong = ended.error
    if wrong is not None and not isinstance(wrong, TwBenchError):
        wrong = _trouble(experiment.name, f"{type(wrong).__name__}: {wrong}")
    text = str(wrong) if wrong else None
    return of_summary(ended.summary, profile.claim, profile.source, text), wrong


def _plain(claim: "Claim") -> dict[str, object]:
    """Return a claim as JSON has it."""
    return {
        "name": claim.name,
        "title": claim.title,
        "claim": claim.claim,
        "source": claim.source,
        "verdict": claim.verdict,
        "error": claim.error,
        "checks": [check.model_dump() for check in claim.checks],
    }
