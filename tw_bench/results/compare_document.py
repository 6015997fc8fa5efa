"""What a comparison of runs says, as `tw-bench compare --json` prints it.

Shares are of one (0.01 is 1 %); a field that is null was not to be had. docs/comparing.md tells how
the figures are made.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tw_bench import __version__
from tw_bench.results.schema import METHOD_VERSION

FORMAT = "tw-bench comparison"
FORMAT_VERSION = 1

Effect = Literal[
    "worse",  # significant, not small, and in the wrong direction
    "better",
    "changed",  # significant and not small; neither direction is the better one
    "negligible",  # significant, and smaller than what is worth naming
    "none",  # the interval holds no difference
    "same",  # not more than the least step of one measurement apart
    "unjudged",  # too few measurements a side for an interval
]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Side(_Record):
    """What is compared: one run, or several of one profile."""

    name: str
    runs: list[str]  # paths of the folders
    started_at: list[str]  # UTC, of each run


class Differs(_Record):
    """A circumstance that is not the same on all sides."""

    what: str  # kernel, lab.ports, ...
    values: list[str]  # one a side; several of one side are joined by commas
    points: list[str]  # it is of these points only; empty: of all, or of the host


class Change(_Record):
    """One figure of one point, or of a search, on both sides."""

    point: str  # part/parameter=value without the repetition; `search` of a search
    part: str
    parameters: dict[str, Any]
    metric: str  # as in summary.json
    base: float  # mean of its measurements
    other: float
    base_count: int  # measurements
    other_count: int
    measurement: Literal["run", "repetition"]  # one of them: a run's mean, or a repetition
    is_share: bool  # whether difference and interval are shares of the base, or in its own unit
    difference: float  # other / base - 1, or other - base
    interval: tuple[float, float] | None  # 95 % confidence; None: too few measurements
    effect: Effect
    is_new: bool = False  # refusals or errors where the base has none


class VerdictChange(_Record):
    """What limits a point is not what limited it."""

    point: str
    base: str  # the most frequent one
    other: str
    effect: Literal["worse", "better", "changed"]


class Pair(_Record):
    """One side against the base; each list with the worst first."""

    base: str
    other: str
    points: int  # compared
    verdicts: list[VerdictChange]
    changes: list[Change]  # every figure that was compared
    not_compared: list[str]  # points and runs, with the reason
    unfinished: list[str]  # points of the base that this side did not finish, and runs
    without_base: list[str]  # points that both were asked for, and the base has no measurement of
    intervals: int
    expected_by_chance: float  # of the intervals, that leave out no difference where there is none


class Comparison(_Record):
    """Runs against a base: what differs around them, then what came out."""

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    method_version: int = METHOD_VERSION
    tw_bench: str = __version__
    sides: list[Side]  # the first is the base
    differs: list[Differs]
    confidence: float
    smallest: float  # share: a significant difference below it is negligible
    pairs: list[Pair]
