"""Measure and predict TCP port exhaustion."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tw_bench.results.reading import LoadedRun

__version__ = "0.1.0"
__all__ = ["__version__", "load_run"]


def load_run(path: Path | str) -> "LoadedRun":
    """Read a run folder, for a notebook or a script of yours (docs/notebook.md).

    Raises:
        tw_bench.errors.ResultsError: it is none, or not what it was when the run was sealed.
    """
    # Load workers import this package too, and must start fast.
    from tw_bench.results.reading import load_run

    return load_run(path)
