"""`tw-bench schema`: the JSON Schemas of what is read and written."""

from enum import StrEnum
from typing import Annotated

import typer


class Document(StrEnum):
    """What has a schema."""

    PROFILE = "profile"
    SCENARIO = "scenario"
    MANIFEST = "manifest"
    SUMMARY = "summary"


def schema(
    of: Annotated[
        Document,
        typer.Argument(metavar="DOCUMENT", help="Of a profile, a scenario, or a run's file."),
    ] = (Document.PROFILE),
) -> None:
    """Print a JSON Schema, for editors and checkers."""
    from importlib.resources import files

    # As it is shipped: made from the models, and held equal to them by a test.
    print((files("tw_bench") / f"schemas/{of}.schema.json").read_text(encoding="utf-8"), end="")
