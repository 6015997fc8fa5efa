"""The figures of a point that a bound can be set on: every number of a PointResult.

The names and units are those of results/schema.py, so that a new field there is a new metric here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from tw_bench.results.outcomes import Outcome
from tw_bench.results.schema import Found, Percentiles, PointResult, TimeWait

Unit = Literal["", "/s", "us", "s", "bytes", "share", "processors"]

SIDES = ("client", "proxy", "server", "host")
_HEADS = ("measured", "generator", "forwarding")  # may be left out of a name that only one has
# Counts of the whole run that never go down while it goes on.
ONLY_GROW = (
    "measured.refusals",
    "errors",
    "generator.missed",
    "generator.held_back",
    "measured.connections_opened",
    "measured.transactions_ok",
    *(f"time_wait.{side}.peak" for side in SIDES),
)
_NO_FIGURES = ("repetition",)  # numbers that name a point
_SUFFIXES: dict[str, Unit] = {"_per_s": "/s", "_us": "us", "_s": "s", "_bytes": "bytes"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure."""

    name: str  # in full: time_wait.client.peak
    unit: Unit  # of the value; a share is of one
    read: Callable[[Any], float | None]  # of a PointResult; of a Found where the name says found

    @property
    def head(self) -> str:
        """The first word of the name."""
        return self.name.partition(".")[0]

    @property
    def is_of_search(self) -> bool:
        """Whether it is of a whole search, and not of a point."""
        return self.head == "found"

    @property
    def has_room(self) -> bool:
        """Whether it may be bound to a share of what the point's range can hold."""
        return self.head == "time_wait" and not self.name.endswith(".made")


@cache
def metrics() -> dict[str, Metric]:
    """Return every metric by every name that it goes by, the full names first."""
    found = {metric.name: metric for metric in _all()}
    short: dict[str, list[Metric]] = {}
    for name, metric in found.items():
        head, _, rest = name.partition(".")
        if head in _HEADS:
            short.setdefault(rest, []).append(metric)
    return found | {
        name: own[0] for name, own in short.items() if len(own) == 1 and name not in found
    }


def _all() -> Iterator[Metric]:
    yield from _of_model(PointResult, ())
    yield Metric("prediction_error.abs", "share", _error_size)
    yield Metric("errors", "", lambda point: _errors(point))
    yield Metric("ledger_uneven", "", _uneven)
    for metric in _of_model(Found, ()):
        yield Metric(f"found.{metric.name}", metric.unit, metric.read)


def _of_model(model: type[BaseModel], path: tuple[str, ...], unit: Unit = "") -> Iterator[Metric]:
    """Yield the numbers of a model, and of the models in it; `unit` is of a distribution's."""
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        if get_origin(kind) in (Union, UnionType):
            kind = get_args(kind)[0]
        own = (*path, name)
        if kind == dict[str, TimeWait]:
            for side in SIDES:
                yield from _of_model(TimeWait, (*own, side))
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _of_model(kind, own, _unit(name) if kind is Percentiles else "")
        elif kind in (int, float) and name not in _NO_FIGURES:
            yield Metric(".".join(own), unit if kind is float and unit else _unit(name), _at(own))


def _unit(name: str) -> Unit:
    if name == "cpu" or name.endswith("_cpu"):
        return "processors"
    if name.endswith("_share") or name in ("prediction_error", "precision", "refusals_allowed"):
        return "share"
    return next((unit for suffix, unit in _SUFFIXES.items() if name.endswith(suffix)), "")


def _at(path: tuple[str, ...]) -> Callable[[Any], float | None]:
    def read(node: Any) -> float | None:
        for name in path:
            node = node.get(name) if isinstance(node, dict) else getattr(node, name, None)
        return None if node is None else float(node)

    return read


def _error_size(point: PointResult) -> float | None:
    return None if point.prediction_error is None else abs(point.prediction_error)


def _errors(point: PointResult) -> float | None:
    """Return how many ended neither well nor refused; None where nothing was recorded of any."""
    if point.generator is None:
        return None
    ends = ((Outcome(end.phase, end.errno), end.count) for end in point.outcomes)
    return float(sum(count for end, count in ends if not (end.is_ok or end.is_refusal)))


def _uneven(point: PointResult) -> float | None:
    return float(sum(not line.is_even for line in point.ledger)) if point.ledger else None
