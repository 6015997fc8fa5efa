"""Run folders that are written by hand."""

from pathlib import Path

from tw_bench.results.reading import read_manifest
from tw_bench.results.run_folder import RunFolder
from tw_bench.results.schema import Summary

OLD = Path(__file__).parents[1] / "data/runs/format-1"


def end(folder: RunFolder) -> None:
    """Finish and seal, as a run does; another run's manifest will do."""
    folder.finish(Summary(name="x", title="x", question="", status="complete", points=[]))
    folder.seal(read_manifest(OLD), "complete", None)
