"""The actor's calls on loopback: what they end with is data, whatever it is."""

import json
import os
import resource
import socket
import subprocess
import sys

import pytest

from tw_bench.scenario import calls
from tw_bench.scenario.actor import Actor

HERE = "127.0.0.1"
ALONE = {"reuse_address": False, "reuse_port": False}
SHARED = {"reuse_address": True, "reuse_port": False}


@pytest.fixture
def port() -> int:
    """A port of loopback that nothing is bound to."""
    with socket.socket() as any_socket:
        any_socket.bind((HERE, 0))
        return int(any_socket.getsockname()[1])


@pytest.fixture
def actor():
    """One that lets go of all its sockets at the end."""
    one = Actor()
    yield one
    for name in ("a", "b", "c", "d", "s", "door"):
        one.do_close(name=name, reset=True)


def bind(actor, name, port, kind="tcp", **options):
    """Return what bind() ended with."""
    return actor.do_bind(name=name, address=HERE, port=port, kind=kind, **options)["errno"]


def listen(actor, name, port, backlog=128, **options):
    """Return what listen() ended with."""
    return actor.do_listen(
        name=name, address=HERE, port=port, backlog=backlog, retry_s=0, **options
    )["errno"]


def connect(actor, name, port, **asked):
    """Connect, and return the answer."""
    usual = {"count": 1, "at_once": 0, "within_s": 2.0, "wait": True}
    return actor.do_connect(name=name, to=HERE, port=port, **usual | asked)


def test_of_two_that_are_bound_one_can_listen(actor, port):
    """With SO_REUSEADDR both are bound, and listen() finds what bind() let through."""
    assert bind(actor, "a", port, **SHARED) == "ok"
    assert bind(actor, "b", port, **SHARED) == "ok"
    assert listen(actor, "a", port) == "ok"
    assert listen(actor, "b", port) == "EADDRINUSE"
    assert connect(actor, "c", port)["errno"] == "ok"
    assert bind(actor, "d", port, **SHARED) == "EADDRINUSE"


def test_one_that_listens_already_is_not_what_listen_is_for(actor, port):
    """A second listener under the same name is bound for itself: refused, and the first stays."""
    assert listen(actor, "a", port, **ALONE) == "ok"
    assert listen(actor, "a", port, **ALONE) == "EADDRINUSE"
    assert connect(actor, "c", port)["errno"] == "ok"


def test_datagrams_are_sent_and_received(actor, port):
    """A bound UDP socket receives what one that is connected to it sends."""
    assert bind(actor, "a", port, "udp", **ALONE) == "ok"
    assert connect(actor, "c", port, kind="udp", count=3)["count"] == 3
    assert actor.do_send(name="c", size=10, within_s=1)["errno"] == "ok"
    assert actor.do_receive(name="a", size=30, within_s=1)["errno"] == "ok"
    assert actor.do_receive(name="a", size=10, within_s=0)["errno"] == "timeout"


def test_no_more_than_so_many_are_connected_at_a_time(actor, port, monkeypatch):
    """Ten of them, three at once: 3, 3, 3 and 1; all of them have their four-tuple."""
    waited_for = []
    connected = calls.connected

    def spy(opening, ends):
        waited_for.append(len(opening))
        return connected(opening, ends)

    monkeypatch.setattr(calls, "connected", spy)
    assert listen(actor, "door", port) == "ok"
    answer = connect(actor, "c", port, count=10, at_once=3)
    assert (answer["errno"], answer["count"]) == ("ok", 10)
    assert len(answer["connections"]) == len({tuple(each) for each in answer["connections"]}) == 10
    assert waited_for == [3, 3, 3, 1]


def test_those_that_are_not_waited_for_have_begun(actor, port):
    """They count as done: their SYNs are sent."""
    assert listen(actor, "door", port) == "ok"
    assert connect(actor, "c", port, count=4, wait=False)["count"] == 4
    assert actor.do_accept(name="s", door="door", count=4, within_s=2)["count"] == 4


def test_one_that_is_refused_says_so_and_the_others_go_on(actor, port):
    """Nobody listens: each of them is refused, however many at once."""
    answer = connect(actor, "c", port, count=5, at_once=2)
    assert (answer["errno"], answer["count"]) == ("ECONNREFUSED", 0)


def test_a_call_on_what_is_closed_is_ebadf(actor, port):
    """Of a name whose sockets are gone, or that never had one: no success, and no crash."""
    assert listen(actor, "door", port) == "ok"
    assert actor.do_close(name="door", reset=False)["errno"] == "ok"
    assert actor.do_close(name="door", reset=False)["errno"] == "EBADF"
    for name in ("door", "never"):
        accepted = actor.do_accept(name="s", door=name, count=1, within_s=0)
        assert (accepted["errno"], accepted["count"]) == ("EBADF", 0)
        assert actor.do_see_off(door=name, count=1, within_s=0)["errno"] == "EBADF"
        assert actor.do_send(name=name, size=1, within_s=0)["errno"] == "EBADF"


def test_a_descriptor_beyond_a_thousand_is_waited_for(actor, port):
    """select() ends at 1,023: FD_SETSIZE."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 1_100:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1_100, hard))
    low = os.open(os.devnull, os.O_RDONLY)
    high = [os.dup(low) for _ in range(1_024)]
    try:
        assert listen(actor, "door", port) == "ok"
        assert connect(actor, "c", port)["errno"] == "ok"
        assert actor.do_accept(name="s", door="door", count=1, within_s=2)["errno"] == "ok"
    finally:
        for each in (low, *high):
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_fault_of_the_actor_is_answered():
    """Whoever asked says what it was; the process goes on."""
    done = subprocess.run(
        [sys.executable, "-m", "tw_bench.scenario.actor"],
        input='{"do": "send", "name": "a"}\n{"do": "limit", "open_files": 512}\n',
        capture_output=True,
        text=True,
        check=True,
    )
    ready, wrong, good = done.stdout.splitlines()
    assert ready == "ready"
    assert json.loads(wrong)["error"].startswith("TypeError: ")
    assert json.loads(good)["errno"] == "ok"
