"""From the bytes of a dump to what each destination uses of the ports."""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_bench.doctor.census import census, close_waits, holders
from tw_bench.doctor.socket_table import Destination
from tw_bench.kernel import sock_diag

NUMBERS = {name: number for number, name in sock_diag.STATES.items()}
INET, INET6 = 2, 10
RANGE = range(40_000, 40_100)


def message(
    state: str,
    port: int,
    source: str = "192.0.2.1",
    address: str = "198.51.100.7",
    remote: int = 443,
    inode: int = 0,
) -> bytes:
    """Return a socket as the kernel lists it; its family is that of the source as written."""
    packed = [ip_address(text).packed.ljust(16, b"\0") for text in (source, address)]
    family = INET6 if ":" in source else INET
    body = struct.pack(">BBBBHH16s16s", family, NUMBERS[state], 0, 0, port, remote, *packed)
    length = 96 if state == "TIME_WAIT" else 124
    head = struct.pack("=IHHII", length, 20, 2, 1, 0)
    return ((head + body).ljust(84, b"\0") + struct.pack("=I", inode)).ljust(length, b"\0")


def count(*messages: bytes, family: int = INET, usable=RANGE, listening=(), first_port=40_000):
    """Return the census of these sockets."""
    small = [each for each in messages if len(each) == 96]
    others = [each for each in messages if len(each) != 96]
    return census(
        {family: [b"".join(small)] if small else []},
        [b"".join(others)],
        usable=usable,
        first_port=first_port,
        listening=listening,
    )


def test_each_destination_has_its_own_ports():
    """Another source, address or port is another destination."""
    table = count(
        *(message("TIME_WAIT", 40_000 + n) for n in range(5)),
        message("TIME_WAIT", 40_000, remote=80),
        message("ESTABLISHED", 40_000, source="192.0.2.2"),
        message("ESTABLISHED", 40_007),
        message("FIN_WAIT_2", 40_008),
    )
    assert table.destinations == 3
    first = table.busiest[0]
    assert (first.source, first.name) == ("192.0.2.1", "198.51.100.7:443")
    assert first.by_state == {"TIME_WAIT": 5, "ESTABLISHED": 1, "FIN_WAIT_2": 1}
    assert first.used_ports == 7
    assert table.by_state == {"TIME_WAIT": 6, "ESTABLISHED": 2, "FIN_WAIT_2": 1}


def test_inbound_and_foreign_ports_do_not_count():
    """A listener's connections came from outside, and other ports are not those of connect()."""
    table = count(
        message("TIME_WAIT", 8_080, remote=50_000),
        message("ESTABLISHED", 8_080, remote=50_001),
        message("TIME_WAIT", 30_000),
        message("TIME_WAIT", 40_050),
        message("TIME_WAIT", 40_001),
        usable=[port for port in RANGE if port != 40_050],
        listening={8_080},
    )
    assert (table.inbound, table.elsewhere) == (2, 2)
    assert [each.used_ports for each in table.busiest] == [1]
    assert table.by_state == {"TIME_WAIT": 4, "ESTABLISHED": 1}


def test_mapped_addresses_are_those_of_ipv4():
    """::ffff:192.0.2.1 shares its ports with 192.0.2.1; ::1 and fe80:: stay what they are."""
    mapped = message("ESTABLISHED", 40_002, "::ffff:192.0.2.1", "::ffff:198.51.100.7")
    table = count(
        message("TIME_WAIT", 40_000), mapped, message("ESTABLISHED", 40_004, "::1", "::1")
    )
    assert [(each.source, each.used_ports) for each in table.busiest] == [
        ("192.0.2.1", 2),
        ("::1", 1),
    ]
    assert [each.name for each in table.busiest] == ["198.51.100.7:443", "[::1]:443"]
    assert [each.is_loopback for each in table.busiest] == [False, True]


def test_an_address_of_one_version_is_not_taken_for_the_other():
    """2001:db8:: and 32.1.13.184 begin with the same bytes."""
    table = count(
        message("ESTABLISHED", 40_000, "2001:db8::", "2001:db8::"),
        message("ESTABLISHED", 40_000, "32.1.13.184", "32.1.13.184"),
    )
    assert {each.source for each in table.busiest} == {"2001:db8::", "32.1.13.184"}


def test_sockets_without_a_process():
    """Orphans, FIN_WAIT_2 that nobody has, and connections that nobody has accepted."""
    table = count(
        message("FIN_WAIT_1", 40_001),
        message("LAST_ACK", 40_002, inode=9),
        message("CLOSING", 40_003),
        message("FIN_WAIT_2", 40_004),
        message("ESTABLISHED", 40_005),
        message("CLOSE_WAIT", 40_006),
        message("ESTABLISHED", 40_007, inode=8),
    )
    assert (table.orphans, table.orphaned_fin_wait_2, table.unaccepted) == (2, 1, 2)


@given(st.lists(st.sampled_from(RANGE), unique=True))
def test_the_second_parity_is_the_other_one_than_the_low_ends(used):
    """Ports that differ from the low end by an odd number, for TIME_WAIT and for others."""
    second = sum((port - 40_000) % 2 for port in used)
    for state in ("TIME_WAIT", "ESTABLISHED"):
        found = count(*(message(state, port) for port in used)).busiest
        assert second == sum(each.second_parity for each in found)


def test_the_second_parity_of_very_many_is_a_share_of_a_sample():
    """Half of 20,000 TIME_WAIT: within a few percent, whatever was sampled."""
    ports = range(1_024, 21_024)
    datagrams = [
        b"".join(message("TIME_WAIT", port) for port in ports[start : start + 300])
        for start in range(0, len(ports), 300)
    ]
    table = census({INET: datagrams}, usable=ports, first_port=1_024)
    (found,) = table.busiest
    assert found.used_ports == 20_000
    assert found.second_parity == pytest.approx(10_000, rel=0.05)


@pytest.mark.parametrize("state", ["TIME_WAIT", "ESTABLISHED"])
@pytest.mark.parametrize("source", ["192.0.2.1", "2001:db8::1"])
def test_ports_are_counted_over_all_destinations(state, source):
    """Ten destinations with ten ports each: shared among them, or one for each connection."""
    family = INET6 if ":" in source else INET
    alone = count(
        *(message(state, 40_000 + n, source, source, 1 + n % 10) for n in range(100)),
        family=family,
    )
    (of,) = alone.sources
    assert (of.source, of.destinations, of.connections, of.busiest) == (source, 10, 100, 10)
    assert (of.used_ports, of.lone_ports, of.is_bound_early) == (100, 100, True)
    assert of.time_waits == (100 if state == "TIME_WAIT" else 0)
    shared = count(
        *(message(state, 40_000 + n % 80, source, source, 1 + n // 16) for n in range(160)),
        family=family,
    )
    (of,) = shared.sources
    assert (of.used_ports, of.lone_ports, of.is_bound_early) == (80, 0, False)


def test_ports_of_another_source_and_of_no_use_are_not_counted():
    """A second address, a port outside of the range and a listener's are other people's."""
    table = count(
        *(message("TIME_WAIT", 40_000 + n, remote=1 + n % 10) for n in range(80)),
        *(message("ESTABLISHED", 40_000 + n, "192.0.2.2") for n in range(20)),
        message("TIME_WAIT", 30_000),
        message("TIME_WAIT", 40_099),
        listening={40_099},
    )
    assert [(of.source, of.connections) for of in table.sources] == [
        ("192.0.2.1", 80),
        ("192.0.2.2", 20),
    ]
    assert [(of.used_ports, of.lone_ports) for of in table.sources] == [(80, 80), (0, 0)]


def test_ports_out_of_turn_by_source():
    """Of the second parity, while the first has ports left; not those of a server that has gone.

    Its connections are one to each client, and a client's port is of the range.
    """
    early = count(*(message("ESTABLISHED", 40_001 + 2 * n, remote=1 + n) for n in range(20)))
    assert [of.out_of_turn for of in early.sources] == [20]
    full = count(*(message("ESTABLISHED", 40_000 + n) for n in range(90)))
    assert [(of.out_of_turn, of.both_parities) for of in full.sources] == [(0, 45)]
    gone = count(*(message("TIME_WAIT", 40_001 + 2 * n, remote=40_050 + n) for n in range(20)))
    assert [of.out_of_turn for of in gone.sources] == [0]


def test_only_the_busiest_are_kept():
    """Of thousands of destinations the busiest hundred are kept, and all are counted."""
    many = [message("ESTABLISHED", 40_000 + n % 100, remote=1 + n) for n in range(500)]
    table = count(*many, message("ESTABLISHED", 40_001, remote=500))
    assert (len(table.busiest), table.destinations) == (100, 500)
    assert (table.busiest[0].port, table.busiest[0].used_ports) == (500, 2)


def test_who_holds_a_port():
    """Listeners and idle sockets, with address and inode, in the order of their ports."""
    dump = message("CLOSED", 40_007, "::1", "::", inode=5) + message("LISTEN", 80, inode=4)
    first, second = holders([dump])
    assert (first.port, first.address, first.is_listening, first.inode) == (
        80,
        "192.0.2.1",
        True,
        4,
    )
    assert (second.port, second.address, second.is_listening) == (40_007, "::1", False)


def test_nothing_is_no_use():
    """Empty dumps, and what only ends a dump."""
    done = struct.pack("=IHHIIi", 20, 3, 2, 1, 0, 0)
    table = census({INET: [done], INET6: []}, [done], usable=RANGE, first_port=40_000)
    assert (table.busiest, table.by_state, close_waits([done])) == ((), {}, [])


def test_a_destination_without_a_port_of_its_own():
    """A name is written as people write it."""
    here = Destination(source="::1", address="::1", port=80, by_state={})
    assert (here.name, here.used_ports) == ("[::1]:80", 0)
