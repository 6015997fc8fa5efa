"""The arguments and flags of `tw-bench run`."""

from pathlib import Path
from typing import Annotated

import typer

ProfilePath = Annotated[
    Path | None, typer.Argument(help="A YAML file that asks a question.", show_default=False)
]
OutPath = Annotated[
    Path | None, typer.Option(help="The run folder, a new one; else results/TIME-NAME.")
]
SettingTexts = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change the profile: load.rate=400/s."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print summary.json, nothing else.")]
Progress = Annotated[bool, typer.Option(help="Show the run while it runs.")]
Recalibrate = Annotated[
    bool, typer.Option("--recalibrate", help="Measure anew what the generator can offer here.")
]
ResumePath = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Finish the points that an interrupted run left open."),
]
ThresholdTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="[POINT:]BOUND",
        help="What must hold, else the exit code is 99: 'refusals == 0', 'sustained: errors < 5'.",
    ),
]
JunitPath = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the result as JUnit XML, for CI.")
]
