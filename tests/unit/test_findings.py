"""What forbids a run, and what a person should know before it."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.machines import SMALL
from tw_bench.errors import HostError, ProfileError
from tw_bench.plan.findings import advice, require
from tw_bench.plan.plan import make_plan
from tw_bench.plan.prediction import predict
from tw_bench.profile.model import Point
from tw_bench.profile.reader import read

HOST: dict[str, Any] = {"connection": {"source_port": "socket_range"}}


def point(**sections: Any) -> Point:
    """Return a point that says so much and no more."""
    return Point.model_validate({"id": "point", **sections})


@pytest.mark.parametrize(
    ("facts", "sections", "message"),
    [
        (replace(SMALL, open_files=256), {}, "ulimit -Hn 1088 as root"),
        (replace(SMALL, kernel="5.15.0"), HOST, "needs IP_LOCAL_PORT_RANGE"),
        (
            SMALL,
            {**HOST, "lab": {"topology": "host", "ports": "20000-20031"}},
            "not inside this host's own range 32768-60999",
        ),
    ],
)
def test_a_host_that_cannot(facts, sections, message):
    """What this host lacks is said with the command or setting that helps."""
    with pytest.raises(HostError, match=message):
        require(point(**sections), facts)


@pytest.mark.parametrize("kind", ["aiohttp", "httpx"])
def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, kind):
    """A client made of a library that is not there is refused with the command that helps."""
    asked = point(client={"kind": kind}, target={"protocol": "http"})
    require(asked, SMALL)
    monkeypatch.setitem(sys.modules, kind, None)  # what an import finds that must not succeed
    with pytest.raises(HostError, match=r"is not installed: pip install 'tw-bench\[http\]'$"):
        require(asked, SMALL)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"lab": {"ports": 33}}, "looks at an even count"),
        ({"method": {"window": "90s"}}, "1.46 echo periods"),
        ({"method": {"fill": "20s"}}, "the fill is shorter than one echo period"),
        ({"load": {"rate": "50k/s"}}, "asks for about"),
        (
            {"lab": {"sysctls": {"net.ipv4.tcp_tw_reuse": 1, "net.ipv4.tcp_timestamps": 0}}},
            "no effect without tcp_timestamps",
        ),
    ],
)
def test_what_a_person_should_know(sections, message):
    """Each surprise is pointed out before the run."""
    asked = point(**sections)
    texts = list(advice(asked, predict(asked, SMALL), SMALL))
    assert any(message in text for text in texts), texts


@pytest.mark.parametrize(
    "sections",
    [
        {"lab": {"ports": 1000}},
        {
            "lab": {"ports": 500},
            "load": {"rate": "40/s"},
            "method": {"fill": "0s", "window": "20s"},
        },
        {
            "lab": {"ports": 300},
            "load": {"rate": "120/s"},
            "method": {"fill": "5s", "window": "61.44s"},
        },
    ],
)
def test_nothing_is_said_where_nothing_is_wrong(sections):
    """The default, a range that runs dry, and a burst before the window are as they should be."""
    asked = point(**sections)
    assert list(advice(asked, predict(asked, SMALL), SMALL)) == []


@pytest.mark.parametrize(
    "lab",
    [
        "ports: 40000-40009, held_ports: 40000-40009",
        "ports: 40000-40009, sysctls: {net.ipv4.ip_local_reserved_ports: 39000-41000}",
    ],
)
def test_a_point_without_a_port_is_refused(tmp_path: Path, lab):
    """A range all of whose ports are held or reserved is a mistake in the profile."""
    path = tmp_path / "p.yaml"
    path.write_text(f"title: x\nlab: {{{lab}}}\n")
    with pytest.raises(ProfileError, match="point: no port is left"):
        make_plan(read(path), SMALL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "lab: {sysctls: {net.ipv4.ip_local_reserved_ports: abc}}",
            "got 'abc': want a list of ports such as 40000-40009,41000",
        ),
        (
            "lab: {sysctls: {net.ipv4.ip_local_reserved_ports: 1-9999999999}}",
            "want a list of ports",
        ),
        ("lab: {topology: loopback, server_sysctls: {net.core.somaxconn: 7}}", "share a namespace"),
        (
            "connection: {close: rst, requests_per_connection: 10, pool: 0}",
            "want a pool for every request at once",
        ),
        ("connection: {active_closer: both, close: rst}", "FINs cross: want fin"),
        ("connection: {active_closer: server, close: half}", "closes by fin or rst"),
        ("lab: {topology: loopback}\nconnection: {active_closer: both}", "want topology pair"),
        ("lab: {sources: 2}", "want connection.source_port: bind_no_port"),
        ("lab: {topology: own_address, destinations: 2}", "want pair"),
        ("lab: {destinations: 2}\nconnection: {active_closer: both}", "one destination"),
        ("lab: {held_ports: 20000-20010}", "want ports inside lab.ports"),
        (
            "connection: {active_closer: server, requests_per_connection: 1-9}",
            "counts to a fixed number",
        ),
        ("load: {think_time: 1s}", "is for a closed loop"),
        (
            "target: {kind: nginx, protocol: http, response_time: 1s}\nclient: {kind: http}",
            "its own time",
        ),
        ("target: {response_time: 2tw}", "want seconds, at most 60s"),
        ("target: {port: 65535, ports: 2}", "go beyond port 65535"),
        ("connection: {requests_per_connection: 0}", "want a number of requests"),
        ("connection: {source_port: explicit}", "want 'autobind'"),
    ],
)
def test_settings_that_contradict_each_other(tmp_path: Path, text, message):
    """Two settings that cannot both hold are refused with the reason and the line."""
    path = tmp_path / "p.yaml"
    path.write_text(f"title: x\n{text}\n")
    with pytest.raises(ProfileError) as caught:
        read(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")
    assert "\n" not in str(caught.value)
