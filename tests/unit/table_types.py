"""What pandas must make of the CSV files of a run; for the tests of old runs and of new ones."""

from pathlib import Path

import pandas as pd
from pandas.api.types import is_float_dtype, is_integer_dtype, is_string_dtype

TEXT = {"point", "side"}
FLOATS = {"time_s", "cpu"}  # and means and percentiles, whose names say so


def wrong_columns(folder: Path) -> list[str]:
    """Return what is not as it should be: text, int64, float64, and gaps only in these."""
    found = []
    for name in ("intervals.csv", "samples.csv"):
        table = pd.read_csv(folder / name)
        assert len(table)
        for column in table.columns:
            kind = table[column].dtype
            if not _is_right(column, kind):
                found.append(f"{name}: {column} is {kind}")
            elif table[column].isna().any() and not is_float_dtype(kind):
                found.append(f"{name}: {column} has gaps")
    return found


def _is_right(column: str, kind: object) -> bool:
    if column in TEXT:
        return is_string_dtype(kind)
    if column in FLOATS or "_us_" in column:
        return is_float_dtype(kind) and kind == "float64"
    return is_integer_dtype(kind) and kind == "int64"
