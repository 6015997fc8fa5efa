"""The rate of an open loop over time, as people write it: `10/s to 400/s over 1m`, `400/s for 30s`.

A stretch is a rate that stays, or a ramp from one to another, for a time or to the end.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from tw_bench import units
from tw_bench.profile.quantities import Duration, Rate

_A_RAMP = "a ramp such as 10/s to 400/s, or 0.5x to 2x over 1tw"
_A_STEP = "a step such as 400/s for 30s, or 1.25x for 1tw; the last may go without a time"
_RAMP = re.compile(r"(?P<first>.+?)\s+to\s+(?P<last>.+?)(?:\s+over\s+(?P<lasts>.+))?")
_STEP = re.compile(r"(?P<first>(?P<last>.+?))(?:\s+for\s+(?P<lasts>.+))?")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A rate, or a ramp between two, for a time."""

    first: Rate
    last: Rate
    lasts: Duration | None = None  # None: to the end of the window

    @property
    def is_ramp(self) -> bool:
        """Whether the rate changes."""
        return self.first != self.last

    def __str__(self) -> str:
        rate = f"{self.first} to {self.last}" if self.is_ramp else str(self.first)
        time = f" {'over' if self.is_ramp else 'for'} {self.lasts}"
        return rate if self.lasts is None else rate + time


def parse_ramp(text: object) -> Stretch:
    """Return the ramp that a text says.

    Raises:
        ValueError: with what is wanted.

    >>> str(parse_ramp("10/s to 1.5k/s over 2m")), str(parse_ramp("0.5x to 2x"))
    ('10/s to 1500/s over 120s', '0.5x sustainable to 2x sustainable')
    """
    ramp = _parse(_RAMP, text, _A_RAMP)
    if not ramp.is_ramp:
        raise ValueError("want two different rates; load.rate is for one that stays")
    return ramp


def parse_step(text: object) -> Stretch:
    """Return the step that a text says.

    Raises:
        ValueError: with what is wanted.

    >>> str(parse_step("400/s for 1m")), str(parse_step("1.25x"))
    ('400/s for 60s', '1.25x sustainable')
    """
    return _parse(_STEP, text, _A_STEP)


def _parse(pattern: re.Pattern[str], text: object, want: str) -> Stretch:
    match = pattern.fullmatch(text.strip()) if isinstance(text, str) else None
    try:
        if match is None:
            raise ValueError
        first, last = (
            Rate(*units.parse_rate(match["first"])),
            Rate(*units.parse_rate(match["last"])),
        )
        lasts = None if match["lasts"] is None else Duration(*units.parse_duration(match["lasts"]))
        if lasts is not None and lasts.number == 0:
            raise ValueError
    except ValueError:
        raise ValueError(f"want {want}") from None
    return Stretch(first, last, lasts)


def misfit(
    stretches: Sequence[Stretch],
    spans: Sequence[Duration],
    measure: Callable[[Duration], float],
    text: Callable[[float], str],
) -> str | None:
    """Return what is wrong with stretches that do not fit the fill and the window, or None.

    `spans` are these two. `measure` turns a duration into a number and `text` says such a number:
    of seconds, or of any other one unit while nobody knows yet how many seconds it has.
    """
    said = sum(measure(each.lasts) for each in stretches if each.lasts is not None)
    whole = sum(map(measure, spans))
    is_whole = math.isclose(said, whole, rel_tol=1e-9)
    both = f"the fill and the window {text(whole)}"
    if stretches[0].is_ramp:
        fits = said < whole or is_whole
        wrong = f"takes {text(said)}, {both}: want a shorter ramp, or a longer method.window"
    elif stretches[-1].lasts is None:
        fits = said < whole and not is_whole
        wrong = (
            f"take {text(said)} before the last, {both}: want shorter steps, or a longer "
            "method.window"
        )
    else:
        fits = is_whole
        wrong = (
            f"take {text(said)}, {both}: want method.fill and method.window to be as long, or a "
            "last step without a time"
        )
    return None if fits else wrong


_as_text = PlainSerializer(str, return_type=str)

RampField = Annotated[
    Stretch,
    PlainValidator(lambda value: value if isinstance(value, Stretch) else parse_ramp(value)),
    _as_text,
    WithJsonSchema(
        {"type": "string", "description": f"RATE to RATE, or RATE to RATE over DURATION: {_A_RAMP}"}
    ),
]
StepField = Annotated[
    Stretch,
    PlainValidator(lambda value: value if isinstance(value, Stretch) else parse_step(value)),
    _as_text,
    WithJsonSchema({"type": "string", "description": f"RATE for DURATION: {_A_STEP}"}),
]
