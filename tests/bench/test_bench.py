"""The harness measured: ratios of two things in one run, never a time against the clock.

Run by `make bench`. Each prints what it found; each fails only when the ratio is off by far.
"""

import asyncio
import os
import subprocess
import sys
import time
from array import array
from collections.abc import Callable

import numpy as np
import pytest

from tw_bench.kernel import procfs
from tw_bench.lab.lab import keeper, lab
from tw_bench.lab.topology import Side, Topology
from tw_bench.load.recorder import Recorder
from tw_bench.observe.counters import GAUGES, TOTALS
from tw_bench.results import histogram

Show = Callable[[str], None]


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    """Return a function that prints past pytest's capture."""

    def show(text: str) -> None:
        with capsys.disabled():
            print(f"\n  {text}")

    return show


def best_s(action: Callable[[], object], rounds: int = 7) -> float:
    """Return the CPU seconds of the fastest round."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        action()
        times.append(time.process_time() - begun)
    return min(times)


def test_a_recorded_row_costs_no_more_than_a_few_appends(show: Show) -> None:
    """Recording a row costs less than six appends to an array."""
    recorder = Recorder(lambda rows, data: None)

    def record() -> None:
        for number in range(10_000):
            recorder.record(number, number, number, number, number, 0)
        recorder.flush()

    def append() -> None:
        column = array("q")
        for number in range(60_000):
            column.append(number)

    ratio = best_s(record) / best_s(append)
    show(f"a row / six appends: {ratio:.2f}")
    assert ratio < 3


def test_a_sample_costs_a_fraction_of_reading_everything(show: Show) -> None:
    """A sample by position costs less than half of parsing all counters."""
    files = procfs.open_counters()
    try:
        selection = procfs.Selection(files, [*GAUGES.values(), *TOTALS.values()])
        picked = best_s(lambda: [selection.read() for _ in range(200)])
        parsed = best_s(lambda: [procfs.read_counters(files) for _ in range(200)])
    finally:
        for descriptor in files.values():
            os.close(descriptor)
    show(f"a sample: {picked / 200 * 1e6:.0f} µs of CPU; / parsing all: {picked / parsed:.2f}")
    assert picked < 0.6 * parsed


def test_folding_a_column_costs_less_than_recording_its_values(show: Show) -> None:
    """Counting equal values first beats record_value() for each by far."""
    values = np.random.default_rng(1).lognormal(11, 0.5, 20_000).astype(np.int64)

    def fold() -> None:
        histogram.add(histogram.histogram(), values)

    def one_by_one() -> None:
        into = histogram.histogram()
        for value in values.tolist():
            into.record_value(value)

    ratio = best_s(fold, 3) / best_s(one_by_one, 3)
    show(f"folding / recording one by one, 20,000 values: {ratio:.3f}")
    assert ratio < 0.5


def test_a_lab_comes_and_goes_in_milliseconds(show: Show) -> None:
    """Bringing a lab up and down, against starting /bin/true: the same order of magnitude."""
    sides = (Side("client", ("198.18.0.1/30",), {}), Side("server", ("198.18.0.2/30",), {}))
    times: list[float] = []

    async def story() -> None:
        for number in range(20):
            begun = time.monotonic()
            async with lab(f"lab {number}", Topology(True, sides), link):
                pass
            times.append(time.monotonic() - begun)

    with keeper(isolated=True) as link:
        asyncio.run(story())
    median_ms = sorted(times)[len(times) // 2] * 1e3
    show(f"a lab up and down: median {median_ms:.1f} ms, worst {max(times) * 1e3:.1f} ms")
    assert median_ms < 100


def test_sixty_thousand_time_wait_cost_less_than_making_a_few_thousand(show: Show) -> None:
    """Reading, classifying and counting 60,000 TIME_WAIT costs less than making 6,000 of them."""
    script = """
import os, socket, time
from tw_bench.doctor.census import census, holders
from tw_bench.kernel import links, namespaces, sock_diag, sysctl

uid, gid = os.getuid(), os.getgid()
namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNET)
namespaces.become_root_of_user_namespace(uid, gid)
links.raise_link("lo", ["198.18.0.1/32"])
sysctl.write("net.ipv4.ip_local_port_range", "1024 65535")
begun = time.process_time()
for port in (801, 802):
    with socket.create_server(("198.18.0.1", port), backlog=1000) as listener:
        for _ in range(30_000):
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            client.close()
            server.close()
print(time.process_time() - begun)
for _ in range(7):
    begun = time.process_time()
    held = holders(sock_diag.dump(sock_diag.LISTEN | sock_diag.BOUND_INACTIVE).datagrams)
    families = (socket.AF_INET, socket.AF_INET6)
    small = {family: sock_diag.dump(sock_diag.TIME_WAIT, family).datagrams for family in families}
    others = sock_diag.dump(sock_diag.OTHERS).datagrams
    table = census(small, others, usable=range(1_024, 65_536), first_port=1_024)
    print(time.process_time() - begun)
    assert [each.used_ports for each in table.busiest] == [30_000, 30_000]
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made, first, *more = map(float, done.stdout.split())
    best = min(first, *more)
    show(
        f"60,000 TIME_WAIT read and counted: {best * 1e3:.1f} ms of CPU, {first * 1e3:.1f} ms the "
        f"first time; / making as many: {best / made:.3f}"
    )
    assert best < 0.1 * made
