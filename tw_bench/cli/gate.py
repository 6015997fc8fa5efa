"""What makes a run a check: thresholds, the JUnit file, and the exit code 99."""

from pathlib import Path
from typing import TYPE_CHECKING

from tw_bench.errors import ResultsError, ThresholdError

if TYPE_CHECKING:
    from tw_bench.experiment import Run
    from tw_bench.profile.reader import Experiment
    from tw_bench.results.schema import Manifest, Summary


def check_gate(
    experiment: "Experiment", junit: Path | None, run_folder: Path | None = None
) -> None:
    """Check, before anything is measured, that every bound can be judged and the file written.

    An older JUnit file goes; `run_folder` is where the run writes, as far as that is known.

    Raises:
        ProfileError: a bound is on what there is not, or in a unit that does not fit.
        ResultsError: the file cannot be written.
    """
    from tw_bench.report.junit import clear_place
    from tw_bench.results.aborting import check_bounds

    check_bounds(experiment)
    if junit is not None:
        clear_place(junit, run_folder)


def aborted(run: "Run", error: BaseException | None) -> BaseException | None:
    """Return what a run ends with that `abort_on` ended, or None where somebody else ended it."""
    if not run.aborted or isinstance(error, KeyboardInterrupt):
        return None
    ((id, words),) = run.aborted.items()
    kept = f"what was measured is kept in {run.folder.path}"
    return error or ThresholdError(f"{id}: {words}; {kept}")


def pass_gate(
    junit: Path | None,
    summary: "Summary",
    manifest: "Manifest",
    error: BaseException | None,
) -> BaseException | None:
    """Write the JUnit file; return what the run ends with.

    That is what went wrong with the run itself, and else a threshold that failed.
    """
    from tw_bench.report.junit import junit as document
    from tw_bench.report.junit import write_junit
    from tw_bench.report.thresholds_text import failure_line
    from tw_bench.results.run_folder import utc_now

    unwritten: ResultsError | None = None
    if junit is not None:
        text = document(summary, manifest, utc_now(), str(error) if error else None)
        try:
            write_junit(junit, text)
        except ResultsError as trouble:
            unwritten = trouble
    line = failure_line(summary.thresholds)
    return error or unwritten or (ThresholdError(line) if line else None)
