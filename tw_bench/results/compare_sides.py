"""The sides of a comparison: which runs each has, what these were asked, what they left open."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from tw_bench.errors import ResultsError
from tw_bench.results.files import digest
from tw_bench.results.reading import LoadedRun, is_played, load_run, looking_at
from tw_bench.results.run_folder import MANIFEST, SUMMARY
from tw_bench.results.schema import Found, PointResult

_MOST_NAMES = 4  # in one line


class Key(NamedTuple):
    """What makes points of different runs the same one."""

    part: str
    parameters: str  # as JSON


SEARCH = Key("", "search")  # not its probes, which no other run need have


def key_of(part: str, parameters: Mapping[str, Any]) -> Key:
    """Return what the same point of another run is found by."""
    return Key(part, json.dumps(parameters, sort_keys=True))


def is_search(run: LoadedRun) -> bool:
    """Whether a run looks for a rate, even if it came to no probe."""
    return run.summary.found is not None or bool(run.manifest.profile_effective.get("find"))


@dataclass(frozen=True)
class LoadedSide:
    """One run, or several of one profile."""

    name: str
    runs: list[LoadedRun]
    left_out: dict[str, str]  # runs that have nothing to compare, and why

    @cached_property
    def points(self) -> dict[Key, list[list[PointResult]]]:
        """Points that were measured to their end: the repetitions of each run; no probes."""
        found: dict[Key, list[list[PointResult]]] = {}
        for run in self.runs:
            own: dict[Key, list[PointResult]] = {}
            for point in run.points:
                if not is_search(run) and _is_measured(point):
                    own.setdefault(key_of(point.part, point.parameters), []).append(point)
            for key, repetitions in own.items():
                found.setdefault(key, []).append(repetitions)
        return found

    @cached_property
    def found(self) -> list[Found]:
        """What the searches found that came to an end, and to a clean rate."""
        every = [run.summary.found for run in self.runs]
        return [one for one in every if one is not None and not _lacks(one)]

    @cached_property
    def asked(self) -> dict[Key, str]:
        """The name of every point that was to be measured, also of those never begun."""
        return {
            key: _group(key, planned) for run in self.runs for key, planned in planned_points(run)
        }

    @cached_property
    def unfinished(self) -> dict[Key, list[str]]:
        """Points of which a repetition was not measured to its end: each one, with the reason."""
        lines: dict[Key, list[str]] = {}
        for run in self.runs:
            known = {point.id: point for point in run.points}
            for key, planned in planned_points(run):
                id = "search" if key == SEARCH else str(planned.get("id"))
                why = _lacks(run.summary.found) if key == SEARCH else _open(known.get(id))
                if why:
                    lines.setdefault(key, []).append(f"{id} of {run.path.name}: {why}")
        return lines


def planned_points(run: LoadedRun) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Yield each point of a run as it was asked, repetitions too; of a search its first probe."""
    for point in run.manifest.points:
        if is_search(run):
            yield SEARCH, point
            return
        yield key_of(point.get("part", ""), point.get("parameters", {})), point


def _group(key: Key, planned: Mapping[str, Any]) -> str:
    if key == SEARCH:
        return "search"
    return str(planned.get("id")).removesuffix(f"#{planned.get('repetition')}")


def _is_measured(point: PointResult) -> bool:
    return point.status == "complete" and point.measured is not None


def _open(point: PointResult | None) -> str:
    """Return why a point was not measured to its end, nothing if it was."""
    if point is None:
        return "was not begun"
    if _is_measured(point):
        return ""
    ended = "the run ended before its window was over" if point.measured else ""
    return f"{point.status}: {point.error or ended or 'its window was not reached'}"


def _lacks(found: Found | None) -> str:
    """Return why a search has no rate to compare, nothing if it has one."""
    if found is None or found.ended == "stopped":
        return "was stopped"
    return "" if found.rate_per_s is not None else "no rate was clean"


def read_sides(paths: Sequence[Path]) -> list[LoadedSide]:
    """Read what the command line names, the base first: run folders, or folders of these.

    Raises:
        ResultsError: one of them holds no run, or a broken one, or runs of several profiles; or a
            run would count twice.
    """
    names = [path.resolve().name for path in paths]
    if len(set(names)) < len(set(map(str, paths))):
        names = [str(path) for path in paths]
    numbered = [
        f"{name} ({names[:index].count(name) + 1})" if name in names[:index] else name
        for index, name in enumerate(names)
    ]
    sides = [_read_side(path, name) for path, name in zip(paths, numbered, strict=True)]
    _require_each_once(sides)
    return sides


def _require_each_once(sides: Sequence[LoadedSide]) -> None:
    """Refuse copies of a run, which are no further measurement; a side against itself may be."""
    owned: list[dict[tuple[str, str], LoadedRun]] = []
    for side in sides:
        own: dict[tuple[str, str], LoadedRun] = {}
        for run in side.runs:
            twin = own.setdefault((run.manifest.started_at, digest(run.path / SUMMARY)), run)
            if twin is not run:
                raise ResultsError(
                    f"{side.name}: {twin.path} and {run.path} are copies of one run, "
                    "not two measurements: want each run once"
                )
        owned.append(own)
    for (first, one), (second, two) in combinations(zip(sides, owned, strict=True), 2):
        shared = one.keys() & two.keys()
        if shared and one.keys() != two.keys():
            raise ResultsError(
                f"{first.name} and {second.name} share the run {two[min(shared)].path}: "
                "want each run on one side"
            )


def _read_side(path: Path, name: str) -> LoadedSide:
    with looking_at(path):
        inside = [] if (path / MANIFEST).is_file() or not path.is_dir() else _run_folders(path)
        if path.is_dir() and not (path / MANIFEST).is_file() and not inside and not is_played(path):
            raise ResultsError(
                f"{path}: holds no run: want a run folder such as results/TIME-NAME, "
                "or a folder of them"
            )
        whole = [folder for folder in inside if (folder / SUMMARY).is_file()]
    left_out = {
        one.name: f"has no {SUMMARY}: killed, or going on" for one in inside if one not in whole
    }
    runs = [load_run(folder) for folder in (whole if inside else [path])]
    profiles = sorted({run.manifest.name for run in runs})
    if len(profiles) > 1:
        raise ResultsError(
            f"{path}: holds runs of {len(profiles)} profiles ({listed(profiles)}): "
            "want runs of one profile a side"
        )
    return LoadedSide(name, runs, left_out)


def _run_folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if (child / MANIFEST).is_file())


def listed(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
