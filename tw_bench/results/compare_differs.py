"""What is not the same around the runs that are compared: host, versions, settings. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tw_bench.errors import ResultsError
from tw_bench.profile.model import Point
from tw_bench.results.compare_document import Differs
from tw_bench.results.compare_sides import SEARCH, Key, LoadedSide, planned_points
from tw_bench.results.reading import LoadedRun

# Of a host; what the generator can offer is measured anew now and then, and is no setting.
_HOST = ("kernel", "architecture", "hz", "cpus", "cpu_model", "open_files", "python")
_GAUGES = ("net.netfilter.nf_conntrack_count",)  # among the sysctls
_SECTIONS = ("lab", "target", "proxy", "client", "connection", "load", "method", "observe")
_DEFAULTS = {
    name: Point.model_fields[name].get_default().model_dump(mode="json") for name in _SECTIONS
}


def differing(sides: Sequence[LoadedSide]) -> list[Differs]:
    """Return every circumstance that is not the same on all sides.

    Raises:
        ResultsError: the runs of one side were asked differently.
    """
    circumstances = [[dict(_circumstances(run)) for run in side.runs] for side in sides]
    found = list(_around(circumstances))
    return [*_settings(sides), *found]


def _circumstances(run: LoadedRun) -> Iterator[tuple[str, str]]:
    """Yield (what, value) of the host, the versions and the proxies of a run."""
    host = run.manifest.host
    yield from ((name, str(host[name])) for name in _HOST if name in host)
    for name, value in host.get("sysctls", {}).items():
        if name not in _GAUGES:
            yield f"host's {name}", " ".join(str(value).split()) or "empty"
    for name, version in run.manifest.versions.items():
        yield name, version
    for kind in sorted({p.forwarding.kind for p in run.points if p.forwarding is not None}):
        versions = {
            p.forwarding.version for p in run.points if p.forwarding and p.forwarding.kind == kind
        }
        yield kind, ", ".join(sorted(versions))
    yield "profile", run.manifest.name


def _around(sides: Sequence[Sequence[Mapping[str, str]]]) -> Iterator[Differs]:
    names = dict.fromkeys(name for side in sides for run in side for name in run)
    for name in names:
        values = [sorted({run.get(name, "not known") for run in side}) for side in sides]
        if any(one != values[0] for one in values):
            yield Differs(what=name, values=[", ".join(one) for one in values], points=[])


def _settings(sides: Sequence[LoadedSide]) -> list[Differs]:
    """Return the settings of common points that differ, those of all points first."""
    asked, names = [_asked(side) for side in sides], sides[0].asked
    common = [key for key in asked[0] if all(key in side for side in asked)]
    found: dict[tuple[str, ...], list[str]] = {}
    for key in common:
        for path in dict.fromkeys(path for side in asked for path in side.get(key, {})):
            values = [side.get(key, {}).get(path, "not set") for side in asked]
            if len(set(values)) > 1:
                found.setdefault((path, *values), []).append(names[key])
    differs = [
        Differs(what=path, values=values, points=[] if len(whose) == len(common) else whose)
        for (path, *values), whose in found.items()
    ]
    return sorted(differs, key=lambda one: len(one.points))


def _asked(side: LoadedSide) -> dict[Key, dict[str, str]]:
    """Return the settings of each point of a side: dotted path → value, less what was swept."""
    found: dict[Key, dict[str, str]] = {}
    for run in side.runs:
        for key, planned in planned_points(run):
            swept = planned.get("parameters", {})
            asked = {path: value for path, value in _flat(planned) if path not in swept}
            if key == SEARCH:
                asked |= dict(_search(run))
            first = found.setdefault(key, asked)
            _require_same(side, side.asked[key], first, asked)
    return found


def _search(run: LoadedRun) -> Iterator[tuple[str, str]]:
    """Yield what a search was asked beside its point, also of one that found nothing yet."""
    section = run.manifest.profile_effective.get("find") or {}
    yield from (
        (f"find.{name}", _text(value)) for name, value in section.get("max_rate", {}).items()
    )


def _require_same(
    side: LoadedSide, name: str, first: Mapping[str, str], asked: Mapping[str, str]
) -> None:
    for path in dict.fromkeys([*first, *asked]):
        one, two = first.get(path, "not set"), asked.get(path, "not set")
        if one != two:
            raise ResultsError(
                f"{side.name}: its runs were asked differently: {name}: {path} {one} and {two}: "
                "want runs of one profile with the same settings a side"
            )


def _flat(point: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (dotted path, value) of a planned point; what an older run did not know, by default."""
    for section in _SECTIONS:
        settings = _DEFAULTS[section] | point.get(section, {})
        for name, value in settings.items():
            if isinstance(value, dict):
                yield from ((f"{section}.{name}.{key}", str(one)) for key, one in value.items())
            else:
                yield f"{section}.{name}", _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value)
