"""Runs of every kind that no reference run is, made without a kernel: for the page in a browser."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.unit import synthetic
from tests.unit.synthetic import Asked, write_run
from tw_bench.plan.search import Bounds, Search
from tw_bench.results.found import find
from tw_bench.results.schema import PointResult, ThresholdResult

SCRIPT = "<script>alert(1)</script>"
BREAKING = "\"'><img src=x onerror=alert(2)></style></title><!-- {{ 7*7 }} ]]> &amp; \u202e"
BREAKING += " \x1b[31mred \x00 $\\frac{$ a $x^2$ 端口"  # a terminal's, mathematics, no such glyph
HOSTILE = SCRIPT + BREAKING


def change(path: Path, **fields: Any) -> None:
    """Change top-level fields of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def hostile(folder: Path, proxy: str = "") -> Path:
    """Write a run in which every text that others wrote is an attack."""
    part: dict[str, Any] = {
        "ports": 300,
        "rate_per_s": 200,
        "fill_s": 5,
        "window_s": 62.0,
        "title": HOSTILE,
        "proxy": proxy,
    }
    points = [
        Asked(
            id=f"{SCRIPT}{n}",
            part=f"{SCRIPT}{n}",
            status="failed" if n == 2 else "complete",
            **part,
        )
        for n in range(4)
    ]
    folder = write_run(folder, points)
    summary = json.loads((folder / "summary.json").read_text())
    for point in summary["points"]:
        point["evidence"] = [HOSTILE]
        point["outcomes"] = [{"phase": HOSTILE, "errno": HOSTILE, "count": 3}]
        point["ledger"] = [{"name": HOSTILE, "ours": 1, "kernel": 2, "counter": HOSTILE}]
        if point["status"] == "failed":
            point["error"] = HOSTILE
    change(folder / "summary.json", points=summary["points"], title=HOSTILE, question=HOSTILE)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["points"][0]["lab"] = {"sysctls": {HOSTILE: "half of a letter: \ud800"}}
    change(
        folder / "manifest.json",
        name=HOSTILE,
        host=manifest["host"] | {"cpu_model": HOSTILE},
        points=manifest["points"],
        argv=["tw-bench", "run", HOSTILE],
        profile_verbatim=f"title: {HOSTILE}\n",
        settings=[f"title={HOSTILE}"],
        findings=[HOSTILE],
        waves=[[HOSTILE]],
        versions={HOSTILE: HOSTILE},
        error=HOSTILE,
    )
    return folder


def interrupted(folder: Path) -> Path:
    """Write a curve that was stopped by hand; a point failed, and one had not begun."""
    return write_run(folder, synthetic.interrupted(), "interrupted")


def search(folder: Path) -> Path:
    """Write a search: two probes are clean, and one met refusals."""
    rates = (60, 120, 99)
    asked = [
        Asked(id=f"find/{rate}/s", part="find", ports=100, rate_per_s=rate, time_lapse=True)
        for rate in rates
    ]
    write_run(folder, asked)
    points = [
        {**point, "parameters": {"load.rate": f"{rate}/s"}, "generator": _GENERATOR}
        for point, rate in zip(_points(folder), rates, strict=True)
    ]
    asked_for = Search(
        start_per_s=60,
        least_per_s=1,
        most_per_s=1e6,
        precision=0.02,
        most_probes=3,
        side_by_side=1,
        bounds=Bounds(),
    )
    found = find(asked_for, [PointResult.model_validate(point) for point in points])
    assert found is not None
    change(folder / "summary.json", points=points, found=found.model_dump())
    change(folder / "manifest.json", waves=[[one.id] for one in asked])
    return folder


def repeats(folder: Path) -> Path:
    """Write three ranges, each three times; one repetition was not like the others."""
    asked = [
        Asked(id=f"ports={ports}#{number}", ports=ports, time_lapse=True, window_s=4.0)
        for ports in (50, 100, 200)
        for number in (1, 2, 3)
    ]
    asked[4] = replace(asked[4], verdict="generator-bound")
    write_run(folder, asked)
    points = [point | {"repetition": _number(point)} for point in _points(folder)]
    change(folder / "summary.json", points=points)
    manifest = json.loads((folder / "manifest.json").read_text())
    planned = [point | {"repetition": _number(point)} for point in manifest["points"]]
    waves = [[one.id for one in asked]]
    change(folder / "manifest.json", points=planned, waves=waves, shuffle_seed=7)
    return folder


def thresholds(folder: Path) -> Path:
    """Write a run of which most thresholds failed."""
    write_run(folder, [Asked(id=f"ports={ports}", ports=ports) for ports in (500, 1000)])
    common = {"metric": "refusals", "unit": "", "bound": 0.0, "text": "refusals == 0"}
    found = [
        ThresholdResult(point="ports=500", value=12.0, passed=False, reason="", **common),
        ThresholdResult(point="ports=1000", value=None, passed=False, reason="none", **common),
        ThresholdResult(point="ports=1000", value=0.0, passed=True, reason="", **common),
    ]
    change(folder / "summary.json", thresholds=[one.model_dump() for one in found])
    return folder


_GENERATOR = {
    "workers": 1,
    "cpu": 0.1,
    "busiest_worker_cpu": 0.1,
    "schedule_lag_us": None,
    "missed": 0,
    "held_back": 0,
    "memory_peak_bytes": 30_000_000,
    "memory_growth_bytes": 0,
}


def _points(folder: Path) -> Sequence[dict[str, Any]]:
    points: Sequence[dict[str, Any]] = json.loads((folder / "summary.json").read_text())["points"]
    return points


def _number(point: dict[str, Any]) -> int:
    return int(point["id"].partition("#")[2])


MADE: dict[str, Callable[[Path], Path]] = {
    "hostile": hostile,
    "interrupted": interrupted,
    "repeats": repeats,
    "search": search,
    "thresholds": thresholds,
}
