"""What a scenario expects: the grammar, and when it holds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_bench.kernel import conntrack
from tw_bench.profile.expectations import STATES, parse


@pytest.mark.parametrize(
    ("text", "owner", "what", "op", "value"),
    [
        ("c == TIME_WAIT", "c", "", "==", "TIME_WAIT"),
        ("c!=CLOSED", "c", "", "!=", "CLOSED"),
        ("c.TIME_WAIT >= 60s", "c", "TIME_WAIT", ">=", 60.0),
        ("door.took < 500ms", "door", "took", "<", 0.5),
        ("door.errno == EADDRINUSE", "door", "errno", "==", "EADDRINUSE"),
        ("s.path == CLOSE_WAIT,LAST_ACK", "s", "path", "==", "CLOSE_WAIT,LAST_ACK"),
        ("s.count == 1020", "s", "count", "==", 1020.0),
        ("server.CLOSE_WAIT >= 1000", "server", "CLOSE_WAIT", ">=", 1000.0),
        ("client.TcpExt.PAWSEstab == 1", "client", "TcpExt.PAWSEstab", "==", 1.0),
        ("server.sent.SYN_ACK > 1", "server", "sent.SYN_ACK", ">", 1.0),
        ("nat.conntrack == 0", "nat", "conntrack", "==", 0.0),
        ("nat.conntrack.TIME_WAIT == 20", "nat", "conntrack.TIME_WAIT", "==", 20.0),
        ("nat.conntrack.left <= 2m", "nat", "conntrack.left", "<=", 120.0),
        ("nat.sysctl.net.ipv4.ip_forward == 1", "nat", "sysctl.net.ipv4.ip_forward", "==", 1.0),
        ("nat.sysctl.net.x == ENOENT", "nat", "sysctl.net.x", "==", "ENOENT"),
        ("client.slab.TCP.bytes > 2000", "client", "slab.TCP.bytes", ">", 2000.0),
        ("server.Tcp.A+Tcp.B == 1", "server", "Tcp.A+Tcp.B", "==", 1.0),
        ("c.call < 50us", "c", "call", "<", 50e-6),
        ("c.call > 2.5*d.call", "c", "call", ">", 2.5),
    ],
)
def test_what_it_says(text, owner, what, op, value):
    """Subject, comparison, value."""
    found = parse(text)
    assert (found.owner, found.what, found.op, found.value) == (owner, what, op, value)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("c", "want such as"),
        ("c = TIME_WAIT", "want such as"),
        ("c == TIMEWAIT", "want a state, one of ESTABLISHED"),
        ("c > TIME_WAIT", "compares a word: want == or !="),
        ("c.TIME_WAIT > 60", "want a duration such as 60s"),
        ("c.TIME_WAIT > 2tw", "want a duration such as 60s"),
        ("c.path == TIME_WAIT,TIMEWAIT", "want states, as A,B, one of ESTABLISHED"),
        ("c.path > TIME_WAIT", "compares a word: want == or !="),
        ("c.colour == 3", "want c., one of"),
        ("door.errno == oops", "want ok, timeout, early_eof or an errno"),
        ("server == TIME_WAIT", "of a side want a state"),
        ("server.sent.BANANA == 1", "want a kind of segment"),
        ("server.LISTEN == many", "want a number"),
        ("nat.conntrack.DANCING == 1", "of conntrack a state of an entry, one of SYN_SENT"),
        ("nat.conntrack.left == 5", "want a duration such as 60s"),
        ("server.slab.TCP == 1", "want of a slab such as slab.TCP, one of objects, bytes"),
        ("server.slab.bytes == 1", "want of a slab such as slab.TCP, one of objects, bytes"),
        ("server.sysctl == 1", "of a side want a state, sent.KIND, sysctl.NAME"),
        ("server.Tcp > 1", "of a side want a state"),
        ("server.LISTEN.x > 1", "of a side want a state"),
        ("c.took > 2*d.call", "want such as late.call > 3*early.call"),
        ("c.call > 2*d.took", "want such as late.call > 3*early.call"),
        ("c.call > 2", "want a duration such as 60s"),
    ],
)
def test_what_cannot_be_meant(text, want):
    """What is wanted instead."""
    with pytest.raises(ValueError, match=re.escape(want)):
        parse(text)


@given(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.integers(-5, 5), st.integers(-5, 5))
def test_numbers_compare_as_python_does(op, observed, value):
    """Every comparison."""
    expectation = parse(f"server.LISTEN {op} {value}")
    assert expectation.holds(float(observed)) == eval(f"{observed} {op} {value}")


@pytest.mark.parametrize("op", ["==", "<", "<=", ">", ">=", "!="])
def test_a_word_is_no_number(op):
    """What reading a sysctl ended with is not more than 0, and not less: it is something else."""
    assert parse(f"nat.sysctl.net.x {op} 0").holds("ENOENT") == (op == "!=")
    if op in ("==", "!="):
        assert parse(f"nat.sysctl.net.x {op} ENOENT").holds(0.0) == (op == "!=")


@given(st.sampled_from(STATES), st.sampled_from(STATES))
def test_states_are_the_same_or_not(observed, value):
    """And a text that names two states is neither."""
    assert parse(f"c == {value}").holds(observed) == (observed == value)
    assert parse(f"c != {value}").holds(observed) == (observed != value)
    assert not parse(f"c == {value}").holds(f"{observed}, {value}")


def test_one_call_is_compared_with_another():
    """A number and a name: what it is a multiple of is known once it was done."""
    expectation = parse("late.call >= 5 * early.call")
    assert (expectation.value, expectation.times) == (5.0, ("early", "call"))
    assert str(expectation) == "late.call >= 5*early.call"


@pytest.mark.parametrize("state", conntrack.STATES[1:])
def test_every_state_of_conntrack_can_be_expected(state):
    """Those that the kernel lists; NONE is no state of an entry."""
    assert parse(f"nat.conntrack.{state} == 1").what == f"conntrack.{state}"


def test_an_expectation_prints_as_it_was_meant():
    """One way to write it, in every table."""
    assert str(parse("  c==TIME_WAIT ")) == "c == TIME_WAIT"
