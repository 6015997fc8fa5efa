"""`tw-bench report`: the page of one run, or of several."""

from pathlib import Path
from typing import Annotated

import typer

from tw_bench.errors import ProfileError


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders, each a section.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="The page; else report.html in the folder of the run.")
    ] = None,
) -> None:
    """Write a page of one run or several, in one file that needs no network."""
    from tw_bench.report.page.page import write
    from tw_bench.results.reading import load_run
    from tw_bench.results.run_folder import PAGE

    if out is None and len(runs) > 1:
        raise ProfileError(f"{len(runs)} runs in one page: want a place for it: --out FILE")
    loaded = [load_run(run) for run in runs]
    for run in loaded:
        run.check_all()
    path = out if out is not None else runs[0] / PAGE
    write(loaded, path)
    typer.echo(path)
