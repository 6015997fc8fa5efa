"""Counters of /proc/net, as Linux 6.18 prints them (tests/data) and as others may."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tw_bench.kernel import procfs
from tw_bench.observe.counters import COLUMNS, GAUGES, TOTALS

NAMES = [*GAUGES.values(), *TOTALS.values()]
DATA = Path(__file__).parents[1] / "data"
KERNELS = sorted(folder.name for folder in DATA.iterdir() if (folder / "sockstat").exists())


@contextmanager
def recorded(kernel: str) -> Iterator[dict[str, int]]:
    """Give descriptors of a recorded /proc/net, as those of the live one are."""
    descriptors = {name: os.open(DATA / kernel / name, os.O_RDONLY) for name in procfs.FILES}
    try:
        yield descriptors
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_column_has_its_counter(kernel):
    """Each column of samples.csv is a counter that the kernel prints (TCP6 only where IPv6 is)."""
    with recorded(kernel) as descriptors:
        missing = set(NAMES) - procfs.read_counters(descriptors).keys()
    assert len(COLUMNS) == len(NAMES)
    assert missing <= {"sockstat.TCP6.inuse"}


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_selection_picks_what_the_parsers_read(kernel):
    """Counters picked by position are those read by name, and 0 where this kernel has none."""
    names = [*NAMES, "Tcp.MaxConn", "sockstat.sockets.used", "TcpExt.NoSuchCounter"]
    with recorded(kernel) as descriptors:
        counters = procfs.read_counters(descriptors)
        selection = procfs.Selection(descriptors, names)
        assert [counters.get(name, 0) for name in names] == selection.read()


def test_a_line_that_comes_later_moves_no_counter(tmp_path):
    """snmp gets IcmpMsg lines with the first ICMP message, above those of TCP."""
    for name in procfs.FILES:
        (tmp_path / name).write_bytes((DATA / "6.18" / name).read_bytes())
    whole = (tmp_path / "snmp").read_text()
    lines = [line for line in whole.splitlines(True) if not line.startswith("IcmpMsg")]
    assert len(lines) == len(whole.splitlines()) - 2
    (tmp_path / "snmp").write_text("".join(lines))
    descriptors = {name: os.open(tmp_path / name, os.O_RDONLY) for name in procfs.FILES}
    try:
        selection = procfs.Selection(descriptors, NAMES)
        before = selection.read()
        (tmp_path / "snmp").write_text(whole)
        assert before == selection.read()
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)


def test_numbers_are_those_of_the_text():
    """Names and values are paired by column, across the long lines of netstat and snmp."""
    with recorded("6.18") as descriptors:
        counters = procfs.read_counters(descriptors)
    assert {"sockstat.TCP.alloc": 9, "Ip.InReceives": 19405, "Ip.Forwarding": 2} == {
        name: counters[name] for name in ("sockstat.TCP.alloc", "Ip.InReceives", "Ip.Forwarding")
    }
    assert counters["Tcp.MaxConn"] == -1


def test_counters_that_nobody_asked_for_pass_through():
    """A line or a column that a later kernel adds is read like the others."""
    assert procfs.parse_sockstat("TCP: inuse 1 new 2\nQUIC: inuse 3\n") == {
        "sockstat.TCP.inuse": 1,
        "sockstat.TCP.new": 2,
        "sockstat.QUIC.inuse": 3,
    }
    assert procfs.parse_pairs("A: x y\nA: 1 18446744073709551615\nB: z\nB: -7\n") == {
        "A.x": 1,
        "A.y": 2**64 - 1,
        "B.z": -7,
    }


@pytest.mark.parametrize(
    "text", ["Tcp: ActiveOpens MaxConn\nTcp: 12\n", "Tcp: ActiveOpens\n", "Tcp: A\nTcp: b\n"]
)
def test_a_torn_text_is_an_error(text):
    """Names without values are never paired with the wrong ones."""
    with pytest.raises(ValueError, match=r"zip|int"):
        procfs.parse_pairs(text)


def test_the_live_files_are_bound_to_their_namespace_and_fit():
    """This machine's own files open, read twice through the same descriptors, and only grow."""
    descriptors = procfs.open_counters()
    try:
        first, second = (procfs.read_counters(descriptors) for _ in range(2))
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)
    assert first.keys() == second.keys()
    assert first["Tcp.ActiveOpens"] <= second["Tcp.ActiveOpens"]
