"""Whole runs in real namespaces, in process: a profile's text in, results and files out."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tw_bench.errors import HostError
from tw_bench.experiment import Run, close_manifest, open_manifest, sample_columns, sum_up
from tw_bench.lab.lab import keeper
from tw_bench.plan.host_facts import read_host_facts
from tw_bench.plan.plan import make_plan
from tw_bench.profile.reader import read
from tw_bench.results.run_folder import RunFolder
from tw_bench.results.schema import PointResult, Summary

Measure = Callable[..., Summary]


@pytest.fixture(autouse=True, scope="session")
def namespaces_allowed() -> None:
    """Skip the tests of the lab, with the reason, where this host forbids user namespaces."""
    try:
        with keeper(isolated=True):
            pass
    except HostError as error:
        pytest.skip(str(error))


@pytest.fixture
def measure(tmp_path: Path) -> Measure:
    """Return a function that runs a profile's text and returns its summary."""
    return _measure_in(tmp_path)


@pytest.fixture(scope="module")
def measure_once(tmp_path_factory: pytest.TempPathFactory) -> Measure:
    """Return the same for a whole module: one run that many tests look at."""

    def measure(text: str, *settings: str) -> Summary:
        return _measure_in(tmp_path_factory.mktemp("run"))(text, *settings)

    return measure


def _measure_in(tmp_path: Path) -> Measure:
    def measure(text: str, *settings: str) -> Summary:
        path = tmp_path / "profile.yaml"
        path.write_text(f"title: a test\n{text}")
        plan = make_plan(read(path, settings), read_host_facts())
        folder = RunFolder(tmp_path / "run", sample_columns(plan))
        manifest = open_manifest(plan, ["test"])
        folder.write_manifest(manifest)
        run = Run(plan, folder)
        asyncio.run(run.run())
        summary = sum_up(run.plan, run.results, "failed" if run.error else "complete")
        folder.finish(summary)
        folder.seal(close_manifest(manifest, run.plan), summary.status, None)
        return summary

    return measure


@pytest.fixture
def measure_point(measure: Measure) -> Callable[..., PointResult]:
    """Return a function that runs a profile of one point and returns its result."""

    def measure_point(text: str, *settings: str) -> PointResult:
        (point,) = measure(text, *settings).points
        return point

    return measure_point
