"""The sections `thresholds` and `abort_on`: bounds that a measured figure must keep.

`METRIC OP VALUE`, such as `refusals == 0` or `connect_us.p99 < 5ms`. Which metrics there are, and
which units fit each, is known where results are (results/metrics.py).
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema

from tw_bench.profile.sections import Section

# Unit as written → what it measures, and how many of that it is.
UNITS = {
    "": ("number", "1"),
    "%": ("share", "0.01"),
    "/s": ("rate", "1"),
    "k/s": ("rate", "1000"),
    "M/s": ("rate", "1000000"),
    "us": ("time", "0.000001"),
    "ms": ("time", "0.001"),
    "s": ("time", "1"),
    "m": ("time", "60"),
    "h": ("time", "3600"),
    "B": ("size", "1"),
    "kB": ("size", "1000"),
    "KiB": ("size", "1024"),
    "MB": ("size", "1000000"),
    "MiB": ("size", "1048576"),
}
_WANT = "METRIC OP VALUE such as refusals == 0, goodput_per_s >= 450/s or connect_us.p99 < 5ms"
_BOUND = re.compile(
    r"(?P<metric>[A-Za-z][A-Za-z0-9_.]*)\s*(?P<comparison><=|>=|==|!=|<|>)"
    r"\s*(?P<number>-?[0-9]{1,12}(?:\.[0-9]{1,12})?)\s*"
    rf"(?P<unit>{'|'.join(map(re.escape, sorted(UNITS, key=len, reverse=True)))})"
)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure must keep."""

    metric: str  # as written
    comparison: str  # < <= > >= == !=
    number: Decimal
    unit: str  # of UNITS

    @property
    def measures(self) -> str:
        """What the unit is of: number, share, rate, time or size."""
        return UNITS[self.unit][0]

    @property
    def amount(self) -> float:
        """The value: a share of one, per second, seconds or bytes; or the plain number."""
        return float(self.number * Decimal(UNITS[self.unit][1]))

    def holds(self, value: float, amount: float) -> bool:
        """Whether a value keeps the bound, which is `amount` in the value's unit."""
        return {
            "<": value < amount,
            "<=": value <= amount,
            ">": value > amount,
            ">=": value >= amount,
            "==": value == amount,
            "!=": value != amount,
        }[self.comparison]

    def __str__(self) -> str:
        return f"{self.metric} {self.comparison} {self.number:f}{self.unit}"


def parse_bound(text: object) -> Bound:
    """Return the bound that a text says.

    Raises:
        ValueError: with what is wanted.

    >>> str(parse_bound("goodput_per_s>=1.5 k/s")), parse_bound("prediction_error.abs < 2%").amount
    ('goodput_per_s >= 1.5k/s', 0.02)
    """
    match = _BOUND.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"want {_WANT}")
    return Bound(match["metric"], match["comparison"], Decimal(match["number"]), match["unit"])


BoundField = Annotated[
    Bound,
    PlainValidator(lambda value: value if isinstance(value, Bound) else parse_bound(value)),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "description": _WANT}),
]


class ThresholdSpec(Section):
    """One bound, and the points that it is for."""

    check: BoundField
    points: list[str] | None = Field(
        None, min_length=1, description="Parts and ids of points; left away: every point"
    )

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, value: Any) -> Any:
        """Return the short form, the bound alone, written out."""
        return value if isinstance(value, dict | ThresholdSpec) else {"check": value}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Say that the short form is allowed too."""
        in_full = super().__get_pydantic_json_schema__(core_schema, handler)
        return {"anyOf": [{"type": "string", "description": _WANT}, in_full]}


Thresholds = list[ThresholdSpec]
