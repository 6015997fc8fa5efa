"""What an interrupted run left open: its question as it was asked, and the points it has."""

from dataclasses import dataclass
from pathlib import Path

from tw_bench.errors import ResultsError
from tw_bench.plan.host_facts import HostFacts
from tw_bench.profile.reader import Experiment, unfold
from tw_bench.results.reading import load_run, read_manifest
from tw_bench.results.run_folder import MANIFEST, SUMMARY
from tw_bench.results.schema import FORMAT_VERSION, METHOD_VERSION, Manifest, PointResult

# What a prediction and a rate depend on.
_SAME_HOST = {
    "kernel": "kernel",
    "hz": "hz",
    "cpus": "cpus",
    "cpu_model": "processor",
    "tw_bench": "tw-bench",
}


@dataclass(frozen=True)
class Unfinished:
    """An interrupted run."""

    path: Path
    manifest: Manifest
    experiment: Experiment
    kept: dict[str, PointResult]  # id → the points that were run to their end


def read_unfinished(path: Path, facts: HostFacts) -> Unfinished:
    """Read the folder of an interrupted run, to take it up on the host that began it.

    Raises:
        ResultsError: it is none, or was begun by another method, in another format or elsewhere.
    """
    manifest = read_manifest(path)
    if manifest.status == "complete":
        raise ResultsError(f"{path}: is complete: no point is left open")
    _require_same(path, manifest, facts)
    experiment = unfold(
        manifest.profile_verbatim,
        f"{path / MANIFEST}",
        manifest.name,
        tuple(manifest.settings),
        tuple(manifest.thresholds),
    )
    kept = {point.id: point for point in _points(path, manifest) if point.status == "complete"}
    return Unfinished(path, manifest, experiment, kept)


def _points(path: Path, manifest: Manifest) -> list[PointResult]:
    """Return the points that the run came to, none if it was killed in its first wave.

    What was sealed is looked at whole: it will be sealed again, and then nobody could tell.
    """
    if manifest.status == "running" and not (path / SUMMARY).is_file():
        return []
    run = load_run(path)
    if manifest.status != "running":
        run.check_all()
    return run.points


def _require_same(path: Path, manifest: Manifest, facts: HostFacts) -> None:
    for what, found, own in (
        ("format", manifest.format_version, FORMAT_VERSION),
        ("method", manifest.method_version, METHOD_VERSION),
        *(
            (words, manifest.host.get(name), getattr(facts, name))
            for name, words in _SAME_HOST.items()
        ),
    ):
        if found != own:
            raise ResultsError(
                f"{path}: was begun with {what} {found}, here it is {own}: points of both are not "
                "one run; run the profile anew"
            )
