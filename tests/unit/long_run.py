"""A run folder of fifty points and ten echo periods, ten minutes, with all that a real one has."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.unit.machines import SMALL
from tests.unit.synthetic import Asked, write_run
from tw_bench.plan.plan import make_plan
from tw_bench.profile.reader import read
from tw_bench.results import histogram, percentiles

POINTS = 50
_FILL_S = 61.44  # an echo period
_WINDOW_S = 9 * _FILL_S  # whole ones: part of one would let more through than the limit
SECONDS = _FILL_S + _WINDOW_S

_PROFILE = """\
title: Fifty ranges for ten minutes
question: Does the page of a large run open?
load: {{rate: 1.25x}}
method: {{fill: 1tw, window: 9tw}}
sweep:
  lab.ports: {ports}
"""


def write_long_run(folder: Path) -> Path:
    """Write the folder and return it: 50 MB."""
    folder.mkdir(parents=True)
    ports = [200 * number for number in range(1, POINTS + 1)]
    profile = folder.parent / "long.yaml"
    profile.write_text(_PROFILE.format(ports=ports))
    asked = [
        Asked(id=f"ports={count}", ports=count, fill_s=_FILL_S, window_s=_WINDOW_S)
        for count in ports
    ]
    write_run(folder, asked)
    _detail_manifest(folder / "manifest.json", profile)
    _detail_summary(folder)
    return folder


def _detail_manifest(path: Path, profile: Path) -> None:
    plan = make_plan(read(profile), SMALL)
    points = [
        {**point.model_dump(mode="json"), "prediction": prediction.to_dict()}
        for point, prediction in plan.planned
    ]
    more = {"points": points, "waves": plan.waves, "host": SMALL.to_dict()}
    more["profile_verbatim"] = profile.read_text()
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


def _detail_summary(folder: Path) -> None:
    """Give each point its durations, as figures and as files, its generator and its ledger."""
    path = folder / "summary.json"
    summary = json.loads(path.read_text())
    chance = np.random.default_rng(1)
    (folder / percentiles.PERCENTILES).mkdir()
    for point in summary["points"]:
        values = histogram.histogram()
        histogram.add(values, (chance.lognormal(13, 1, 20_000)).astype(np.int64))
        figures = histogram.percentiles(values)
        assert figures is not None
        for kind in ("latency", "service_time"):
            text = percentiles.text(values, point["id"], kind)
            (folder / percentiles.file_name(point["id"], kind)).write_text(text)
        point |= _details(figures.model_dump())
    path.write_text(json.dumps(summary))


def _details(figures: dict[str, Any]) -> dict[str, Any]:
    kinds = ("connect_call_us", "connect_us", "latency_us", "service_time_us")
    sums = [
        {"name": f"sum {number}", "ours": 1_000, "kernel": 1_000, "counter": "ActiveOpens, client"}
        for number in range(5)
    ]
    generator = {
        "workers": 1,
        "cpu": 0.2,
        "busiest_worker_cpu": 0.3,
        "schedule_lag_us": figures,
        "missed": 0,
        "held_back": 12,
        "memory_peak_bytes": 30_000_000,
        "memory_growth_bytes": 0,
    }
    evidence = ["20 refusals in the window while the range was full"]
    return dict.fromkeys(kinds, figures) | {
        "ledger": sums,
        "generator": generator,
        "evidence": evidence,
    }
