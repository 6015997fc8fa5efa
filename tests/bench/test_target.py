"""The embedded target beside the worker that loads it: it must not be the limit that is measured.

Run by `make bench`. Prints the processor time of each per transaction, for each way to close.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tw_bench.kernel.process import Process
from tw_bench.lab.lab import KeeperLink, keeper, lab
from tw_bench.lab.topology import topology
from tw_bench.load.fleet import Fleet
from tw_bench.load.specs import worker_specs
from tw_bench.plan.host_facts import read_host_facts
from tw_bench.plan.prediction import predict
from tw_bench.profile.model import Point
from tw_bench.targets import process_tree
from tw_bench.targets.base import Place
from tw_bench.targets.embedded import Embedded

TRANSACTIONS = 30_000  # and those of the second that they end in
PORTS = 4  # of the target: a worker that runs out of ports searches for them
HTTP = {"target": {"protocol": "http"}}
CASES: dict[str, dict[str, Any]] = {
    "the client closes": {},
    "the client resets": {"connection": {"close": "rst"}},
    "the server closes": {"connection": {"active_closer": "server"}},
    "the server resets": {"connection": {"active_closer": "server", "close": "rst"}},
    "kept, ten requests": {"connection": {"requests_per_connection": 10}},
    "HTTP, the server closes": {**HTTP, "client": {"kind": "http", "connection_header": "close"}},
    "HTTP, kept, ten requests": {
        **HTTP, "client": {"kind": "http"}, "connection": {"requests_per_connection": 10},
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_target_costs_less_than_the_worker(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One worker in a closed loop, each on a processor of its own: the worker is the busy one."""
    point = Point.model_validate(
        {
            "id": "target",
            "lab": {"ports": "10000-65000"},
            "load": {"closed_loop": 64, "workers": 1},
            "method": {"fill": "0s", "window": "3600s"},
            **CASES[case],
        }
    )
    with keeper(isolated=True) as link:
        ended, worker_s, target_s = asyncio.run(_measure(point, link))
    worker_us, target_us = (used_s / ended * 1e6 for used_s in (worker_s, target_s))
    with capsys.disabled():
        print(
            f"\n  {case}: target {target_us:.1f} µs of CPU, worker {worker_us:.1f} µs; "
            f"ratio {target_us / worker_us:.2f}"
        )
    assert target_us < 1.2 * worker_us


async def _measure(point: Point, link: KeeperLink) -> tuple[int, float, float]:
    """Return transactions, and the processor seconds of the worker and of the target."""
    heads: list[dict[str, Any]] = []
    pids: list[int] = []
    processors = sorted(os.sched_getaffinity(0))

    async with lab(point.id, topology(point), link) as built:
        ip = topology(point).side("server").ips[0]
        called = [(ip, point.target_port + number) for number in range(PORTS)]
        target = Embedded(point, Place(side="server", listen=called, upstreams=[], folder=Path()))

        async def spawn(side: str, argv: list[str]) -> Process:
            process = await built.spawn(side, argv)
            pids.append(process_tree.pid_of(process))
            os.sched_setaffinity(pids[-1], {processors[0 if side == "client" else -1]})
            return process

        def on_frame(worker: int, head: dict[str, Any], rows: bytes) -> None:
            heads.append(head)
            if sum(head["rows"] for head in heads) >= TRANSACTIONS:
                fleet.ask_to_stop()

        specs = worker_specs(point, predict(point, read_host_facts()), [], called)
        fleet = Fleet(point.id, specs, on_frame)
        try:
            await target.start(spawn)
            await fleet.start(spawn)
            before_s = process_tree.cpu_s(pids[0])
            await fleet.run(time.monotonic_ns())
            used_s = process_tree.cpu_s(pids[0]) - before_s
        finally:
            await fleet.stop()
            await target.stop()
    return sum(head["rows"] for head in heads), heads[-1]["cpu_ns"] / 1e9, used_s
