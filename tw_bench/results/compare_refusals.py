"""What is not compared: runs of which a difference would say nothing. Pure."""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tw_bench.errors import ResultsError
from tw_bench.results.compare_sides import SEARCH, Key, LoadedSide, listed

_SAME_WINDOW = 0.01  # share by which windows may differ that are the same


def require_comparable(sides: Sequence[LoadedSide]) -> None:
    """Refuse sides of which a difference would say nothing.

    Raises:
        ResultsError: with what differs, and what to do.
    """
    _require_one_method(sides)
    base, *others = sides
    for other in others:
        _require_common(base, other)
    for key in base.points:
        spans = list(_windows(sides, key))
        _require_one_span(spans, base.asked[key], "window", "method.window")
    probes = list(_probes(sides))
    _require_one_span(probes, "search", "probe", "method.fill and method.window")


def _require_one_method(sides: Sequence[LoadedSide]) -> None:
    methods = {run.summary.method_version: side.name for side in sides for run in side.runs}
    if len(methods) > 1:
        (one, first), (two, second), *_ = sorted(methods.items())
        raise ResultsError(
            f"{first} is of method {one}, {second} of method {two}: runs of different methods are "
            "not compared (CHANGELOG, Changes the numbers): run both with one tw-bench"
        )


def _require_common(base: LoadedSide, other: LoadedSide) -> None:
    if base.points.keys() & other.points.keys() or SEARCH in base.asked.keys() & other.asked.keys():
        return
    raise ResultsError(
        f"no point in common: {base.name} has {_parameters(base)}; {other.name} has "
        f"{_parameters(other)}: want runs of one profile (points are matched by part and sweep)"
    )


def _parameters(side: LoadedSide) -> str:
    """Return the points of a side in short: a search, or parts and swept parameters."""
    if SEARCH in side.asked:
        return "a search"
    if not side.points:
        return "no point that was measured to its end"
    return listed([_key_text(key) or side.asked[key] for key in side.points])


def _key_text(key: Key) -> str:
    """Return what a point is matched by: `part/lab.ports=500`, nothing where it has neither."""
    swept = [f"{path}={value}" for path, value in json.loads(key.parameters).items()]
    return "/".join(text for text in (key.part, ",".join(swept)) if text)


class _Span(NamedTuple):
    """What a rate is an average over."""

    side: str
    is_lapse: bool
    holds: float


def _require_one_span(spans: Sequence[_Span], point: str, what: str, want: str) -> None:
    """Refuse a point whose rates are averages over different things: see docs/method.md."""
    for one, two in pairwise(spans):
        if one.is_lapse != two.is_lapse:
            lapse, real = (one, two) if one.is_lapse else (two, one)
            raise ResultsError(
                f"{point}: time-lapse in {lapse.side}, the real pace in {real.side}: a rate of the "
                "one says nothing of the other: want both with the same net.ipv4.tcp_tw_reuse"
            )
        if abs(one.holds / two.holds - 1) > _SAME_WINDOW:
            raise ResultsError(
                f"{point}: a {what} of {one.holds:.3g} holds in {one.side}, of {two.holds:.3g} in "
                f"{two.side}: averages over different spans are not compared: want the same {want}"
            )


def _windows(sides: Sequence[LoadedSide], key: Key) -> Iterator[_Span]:
    """Yield the windows of a point; without a hold none is measured in holds."""
    for side in sides:
        for point in (p for repetitions in side.points.get(key, []) for p in repetitions):
            if hold_s := point.prediction["hold_s"]:
                is_lapse = bool(point.prediction.get("time_lapse"))
                yield _Span(side.name, is_lapse, point.prediction["window_s"] / hold_s)


def _probes(sides: Sequence[LoadedSide]) -> Iterator[_Span]:
    """Yield how long the probes of searches are: clean means clean for so long."""
    for side in sides:
        for run in side.runs:
            found = run.summary.found
            if found is None or not run.points:
                continue
            prediction = run.points[0].prediction
            if hold_s := prediction["hold_s"]:
                is_lapse = bool(prediction.get("time_lapse"))
                yield _Span(side.name, is_lapse, found.probe_s / hold_s)
