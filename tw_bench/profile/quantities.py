"""Fields of a profile that people write as text: ports, rates, durations, sizes.

Each is a small frozen value which prints as it was meant, and a pydantic type with its schema.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from tw_bench import units


def _digits(number: float) -> str:
    """Return the number in full, as the parsers read it: `%g` rounds and writes exponents."""
    return str(int(number)) if float(number).is_integer() else f"{Decimal(repr(number)):f}"


@dataclass(frozen=True, slots=True)
class PortRange:
    """An ephemeral port range, both ends included."""

    low: int
    high: int

    @property
    def count(self) -> int:
        """How many ports the range holds."""
        return self.high - self.low + 1

    def __contains__(self, port: int) -> bool:
        return self.low <= port <= self.high

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"


@dataclass(frozen=True, slots=True)
class Duration:
    """A time in seconds, or in TIME_WAIT lengths of the point it belongs to."""

    number: float
    unit: str  # "s" or "tw"

    def seconds(self, time_wait_s: float) -> float:
        """Return seconds, one `tw` being `time_wait_s` long."""
        return self.number * time_wait_s if self.unit == "tw" else self.number

    def __str__(self) -> str:
        return f"{_digits(self.number)}{self.unit}"


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate per second, or a multiple of one of the predicted limits."""

    number: float
    unit: str  # "/s", or the limit's name: textbook, sustainable, saturated

    def __str__(self) -> str:
        if self.unit == "/s":
            return f"{_digits(self.number)}/s"
        return f"{_digits(self.number)}x {self.unit}"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How many requests a connection carries: fixed, drawn evenly, or geometric."""

    kind: str  # fixed, uniform or geometric
    least: int
    most: int
    mean: float

    def __str__(self) -> str:
        if self.kind == "geometric":
            return f"geometric {_digits(self.mean)}"
        return str(self.least) if self.kind == "fixed" else f"{self.least}-{self.most}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a worker (load/lifetimes.py)."""
        return {"kind": self.kind, "least": self.least, "most": self.most, "mean": self.mean}


@dataclass(frozen=True, slots=True)
class Share:
    """A share of one."""

    number: float

    def __str__(self) -> str:
        return f"{_digits(round(100 * self.number, 10))}%"


def _ports(value: Any) -> PortRange:
    return value if isinstance(value, PortRange) else PortRange(*units.parse_ports(value))


def _duration(value: Any) -> Duration:
    return value if isinstance(value, Duration) else Duration(*units.parse_duration(value))


def _rate(value: Any) -> Rate:
    return value if isinstance(value, Rate) else Rate(*units.parse_rate(value))


def _lifetime(value: Any) -> Lifetime:
    return value if isinstance(value, Lifetime) else Lifetime(*units.parse_lifetime(value))


def _share(value: Any) -> Share:
    return value if isinstance(value, Share) else Share(units.parse_share(value))


_as_text = PlainSerializer(str, return_type=str)


def _schema(description: str, *types: str, **more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": list(types), "description": description, **more})


Ports = Annotated[
    PortRange,
    PlainValidator(_ports),
    _as_text,
    _schema("A count (500) or a range, both ends included (32768-60999)", "integer", "string"),
]
DurationField = Annotated[
    Duration,
    PlainValidator(_duration),
    _as_text,
    _schema("30s, 500ms, 2m, or 2tw: TIME_WAIT lengths of the point", "string", "number"),
]
RateField = Annotated[
    Rate,
    PlainValidator(_rate),
    _as_text,
    _schema("400/s, 5k/s, or a multiple of a predicted limit: 1.25x, 1.02x textbook", "string"),
]
LifetimeField = Annotated[
    Lifetime,
    PlainValidator(_lifetime),
    _as_text,
    _schema("1, 100, 10-1000 (drawn evenly) or geometric 100", "integer", "string"),
]
ShareField = Annotated[
    Share,
    PlainValidator(_share),
    _as_text,
    _schema("A share: 2%, 0.1% or 0", "string", "integer"),
]
Bytes = Annotated[
    int,
    BeforeValidator(units.parse_bytes),
    _schema("A size: 64, 4KiB, 1MB", "integer", "string"),
]
