"""Runs to compare, made up: points with the goodputs that a test asks for, without a kernel."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tw_bench.profile.model import Point
from tw_bench.results.compare_sides import LoadedSide
from tw_bench.results.reading import LoadedRun
from tw_bench.results.schema import (
    Found,
    Generator,
    Manifest,
    Measured,
    OutcomeCount,
    Percentiles,
    PointResult,
    Summary,
    TimeWait,
)

WINDOW_S = 122.88  # two echo periods
HOST = {"kernel": "6.18.44", "hz": 250, "cpus": 2, "sysctls": {}}


def a_point(ports: int, goodput: float, number: int | None = None, **fields: Any) -> PointResult:
    """Return a point that met its limit; `number` is its repetition, `fields` win."""
    name = f"ports={ports}"
    p99 = 2_000.0 + 40 * random.Random(f"{ports} {goodput} {number}").random()
    calls = Percentiles(count=9, mean=900, p50=800, p90=1_000, p99=p99, p999=p99, max=p99)
    refused = [OutcomeCount(phase="connect", errno="EADDRNOTAVAIL", count=30)]
    given: dict[str, Any] = {
        "id": name if number is None else f"{name}#{number}",
        "part": "",
        "title": "",
        "parameters": {"lab.ports": ports},
        "repetition": number,
        "ports": f"32768-{32_767 + ports}",
        "status": "complete",
        "prediction": prediction(goodput),
        "measured": measured(goodput),
        "prediction_error": 0.001,
        "outcomes": [OutcomeCount(phase="close", errno="ok", count=9_000), *refused],
        "time_wait": {"client": TimeWait(peak=ports, mean=ports, made=9_000)},
        "counters": {},
        "connect_call_us": calls,
        "connect_us": calls,
        "latency_us": calls,
        "service_time_us": calls,
        "generator": generator(),
        "ledger": [],
        "verdict": "port-bound",
        "evidence": [],
    }
    return PointResult.model_validate(given | fields)


def generator() -> Generator:
    """Return a generator that had nothing to do."""
    return Generator(
        workers=1, cpu=0.02, busiest_worker_cpu=0.03, schedule_lag_us=None, missed=0, held_back=0,
        memory_peak_bytes=1, memory_growth_bytes=0,
    )  # fmt: skip


def prediction(per_s: float, **fields: Any) -> dict[str, Any]:
    """Return what the law says of such a point."""
    times = {"hold_s": 61.44, "fill_s": 61.44, "window_s": WINDOW_S, "time_lapse": False}
    rates = {"expected_per_s": per_s, "saturated_per_s": per_s, "offered_per_s": 1.25 * per_s}
    return {"usable_ports": 500, "four_tuples": 500, **times, **rates} | fields


def measured(goodput: float, **fields: Any) -> Measured:
    """Return the window's figures."""
    given = {
        "offered_per_s": 1.25 * goodput,
        "attempted_per_s": 1.1 * goodput,
        "goodput_per_s": goodput,
        "window_s": WINDOW_S,
        "connections_opened": 9_000,
        "transactions_ok": 9_000,
        "refusals": 30,
        "refusals_in_window": 30,
        "first_refusal_s": 9.0,
        "connections_before_first_refusal": 500,
    }
    return Measured.model_validate(given | fields)


def a_run(
    points: Sequence[PointResult],
    *,
    name: str = "curve",
    folder: str = "run",
    host: Mapping[str, Any] = HOST,
    asked: Mapping[str, Any] | None = None,
    found: Found | None = None,
    method: int = 1,
    started_at: str = "2026-03-04T05:06:07Z",
    never_begun: Sequence[PointResult] = (),
) -> LoadedRun:
    """Return a run; `asked` are settings of all its points: section → settings."""
    planned = []
    for point in (*points, *never_begun):
        own = point.model_dump(include={"id", "part", "parameters", "repetition"})
        settings = Point.model_validate({**own, **(asked or {})}).model_dump(mode="json")
        settings["lab"]["ports"] = point.ports
        settings["prediction"] = point.prediction
        planned.append(settings)
    manifest = Manifest(
        name=name,
        method_version=method,
        status="complete",
        started_at=started_at,
        argv=["tw-bench", "run"],
        profile_verbatim="",
        profile_effective={"find": {"max_rate": {"precision": found.precision}}} if found else {},
        points=planned,
        waves=[],
        host=dict(host),
        versions={"tw-bench": "0.1.0"},
        findings=[],
    )
    summary = Summary(
        name=name,
        method_version=method,
        title="Made up",
        question="",
        status="complete",
        points=list(points),
        found=found,
    )
    return LoadedRun(Path(folder), manifest, summary)


def write(run: LoadedRun, folder: Path) -> Path:
    """Write the two files of a run that are compared."""
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(run.manifest.model_dump_json())
    (folder / "summary.json").write_text(run.summary.model_dump_json())
    return folder


def repeated(goodputs: Mapping[int, Sequence[float]], **fields: Any) -> list[PointResult]:
    """Return ports → goodputs as points that were repeated."""
    return [
        a_point(ports, goodput, number, **fields)
        for ports, values in goodputs.items()
        for number, goodput in enumerate(values, start=1)
    ]


def a_side(name: str, *runs: LoadedRun) -> LoadedSide:
    """Return a side of these runs."""
    return LoadedSide(name, list(runs), {})


def one_side(name: str, goodputs: Mapping[int, Sequence[float]], **fields: Any) -> LoadedSide:
    """Return a side of one run of repeated points."""
    return a_side(name, a_run(repeated(goodputs, **fields)))
