"""A server as a target: found, configured by its user, counted, and how it ends."""

import asyncio
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from tw_bench.errors import ProfileError, TargetError
from tw_bench.targets import own_configuration, process_tree, program
from tw_bench.targets.base import Place
from tw_bench.targets.caddy import Caddy
from tw_bench.targets.haproxy import HAProxy
from tw_bench.targets.nginx import Nginx
from tw_bench.targets.server_log import ServerLog

KINDS = ["nginx", "haproxy", "caddy"]

OWN = {
    "nginx": (
        "events { worker_connections 100; }\n"
        "http {\n"
        "  upstream mine {\n"
        "    server {upstreams};\n"
        "  }\n"
        "  server {\n"
        "    listen {listen};\n"
        "    location / { proxy_pass http://mine; proxy_bind {source}; }\n"
        "  }\n"
        "}\n"
    ),
    "haproxy": (
        "defaults\n"
        "  mode http\n"
        "  timeout connect 5s\n"
        "  timeout client 5s\n"
        "  timeout server 5s\n"
        "listen mine\n"
        "  bind {listen}\n"
        "  server {upstreams} {upstreams} source {source}\n"
    ),
    "caddy": (
        "http://:80 {\n\treverse_proxy {upstreams}\n\tlog {\n\t\toutput file {folder}/own\n\t}\n}\n"
    ),
}
BROKEN = {
    "nginx": ("events {}\nhttp {\n  bogus on;\n}\n", r'"bogus" in .*/nginx.conf:3'),
    "haproxy": ("global\ndefaults\n  bogus on\n", r"haproxy.cfg:3\] : unknown keyword 'bogus'"),
    "caddy": ("http://:80 {\n\n\tbogus on\n}\n", r"Caddyfile:3: unrecognized directive: bogus"),
}
WRITTEN = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "caddy": "Caddyfile"}


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_its_version_and_keeps_its_files(stand_up, tmp_path, kind):
    """A version of numbers, a configuration and a log in the point's folder."""

    async def look(stand):
        await stand.call(20)
        return stand.proxy.version, stand.proxy.cpu_s()

    version, cpu_s = stand_up(look, kind)
    assert re.fullmatch(rf"{kind}/\d+\.\d+\.\d+", version)
    assert 0 <= cpu_s < 10
    assert {WRITTEN[kind], f"{kind}.log", "nginx-server.conf"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_the_processor_time_includes_the_workers(stand_up):
    """nginx's master does nothing: what is counted is what its workers used."""

    async def look(stand):
        before_s = stand.proxy.cpu_s()
        await stand.call(5000, 8)
        return stand.proxy.cpu_s() - before_s

    assert stand_up(look, "nginx", proxy={"keepalive": 8}) > 0.03


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_not_installed_is_named_with_its_package(
    stand_up, tmp_path, monkeypatch, kind
):
    """Exit code 5 and the command that helps; no other server is taken in its place."""
    found = shutil.which

    def which(name: str, path: str) -> str | None:
        return found(name, path=str(tmp_path) if name == kind else path)

    monkeypatch.setattr(shutil, "which", which)
    with pytest.raises(TargetError, match=f"^{kind} is not installed: sudo apt install {kind}"):
        stand_up(None, kind)


def test_a_server_is_found_outside_of_the_path(stand_up, monkeypatch):
    """Debian keeps servers in /usr/sbin, which is not in a user's PATH."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    async def look(stand):
        return stand.proxy.version

    assert stand_up(look, "haproxy").startswith("haproxy/")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("destinations", [1, 2])
def test_the_users_own_file_is_filled_in_and_run(stand_up, tmp_path, kind, destinations):
    """Placeholders are replaced, the servers' own braces are not; the copy stays in the folder."""
    path = tmp_path / "mine"
    path.write_text(OWN[kind])
    lab = {"destinations": destinations}

    async def look(stand):
        return await stand.call(10)

    assert stand_up(look, kind, proxy={"config": str(path)}, lab=lab) == {"200": 10}
    written = (tmp_path / WRITTEN[kind]).read_text()
    assert written.count("198.19.0.1:80") >= 1
    assert ("198.19.0.2:80" in written) == (destinations == 2)
    assert "{upstreams}" not in written


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_does_not_parse_is_answered_in_the_servers_words(stand_up, tmp_path, kind):
    """One line: the user's file, the server's own message, and the line it is about."""
    text, message = BROKEN[kind]
    path = tmp_path / "mine"
    path.write_text(text)
    with pytest.raises(ProfileError, match=message) as caught:
        stand_up(None, kind, proxy={"config": str(path)})
    assert str(caught.value).startswith(f"p: proxy.config: {kind} does not accept {path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "why"), [("none", "No such file or directory"), ("binary", "is no text in UTF-8")]
)
def test_a_file_that_cannot_be_read_is_said(stand_up, tmp_path, name, why):
    """The setting, the path and the reason."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match=f"^p: proxy.config: {tmp_path / name}: {why}$"):
        stand_up(None, "nginx", proxy={"config": str(tmp_path / name)})


def test_a_file_that_listens_elsewhere_is_given_up(stand_up, tmp_path, monkeypatch):
    """A server that runs and does not listen where it should is named with the address."""
    monkeypatch.setattr(program, "_READY_S", 1.0)
    path = tmp_path / "mine"
    path.write_text("events {}\nhttp { server { listen 81; } }\n")
    with pytest.raises(TargetError, match=r"nginx as the proxy does not listen on 198.18.0.254:80"):
        stand_up(None, "nginx", proxy={"config": str(path)})


def test_an_address_that_is_taken_is_said(stand_up):
    """nginx tries for two seconds, ends, and the reason is in its own words."""

    async def look(stand):
        again = Nginx(stand.point, stand.server.place)
        await again.start(stand.lab.spawn)
        try:
            await again.watch()
        finally:
            await again.stop()

    with pytest.raises(TargetError, match=r"\(exit code 1\): .*still could not bind\(\)"):
        stand_up(look, "nginx")


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_that_is_killed_ends_the_watch(stand_up, kind):
    """watch() waits while it lives, says how it died, and stop() leaves none of it running."""

    async def look(stand):
        watch = asyncio.ensure_future(stand.proxy.watch())
        await stand.call(5)
        assert not watch.done()
        processes = list(process_tree.tree(stand.proxy._pid))
        os.kill(processes[0], signal.SIGKILL)
        with pytest.raises(TargetError, match=rf"p: {kind} as the proxy died in mid-run \(killed"):
            await asyncio.wait_for(watch, 5)
        await stand.proxy.stop()
        await asyncio.sleep(0.2)
        return processes

    processes = stand_up(look, kind)
    assert [pid for pid in processes if Path(f"/proc/{pid}").exists()] == []


def test_nginx_outlives_its_workers(stand_up):
    """A worker that dies is started anew by the master, and the point goes on."""

    async def look(stand):
        watch = asyncio.ensure_future(stand.proxy.watch())
        _, worker = process_tree.tree(stand.proxy._pid)
        os.kill(worker, signal.SIGKILL)
        await asyncio.sleep(0.3)
        assert not watch.done()
        watch.cancel()
        return await stand.call(5)

    assert stand_up(look, "nginx") == {"200": 5}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("nginx", "ECONNREFUSED"), ("haproxy", "connect_failed"), ("caddy", "ECONNREFUSED")],
)
def test_an_upstream_that_refuses_is_told_from_a_lack_of_ports(stand_up, kind, name):
    """Nobody listens any more: each request counts under another name than EADDRNOTAVAIL."""

    async def look(stand):
        await stand.server.stop()
        statuses = await stand.call(30, 3)
        return statuses, stand.proxy.refusals()

    statuses, refusals = stand_up(look, kind)
    assert sum(statuses.values()) == 30
    assert "200" not in statuses
    assert refusals == {name: 30}


LINES = {
    Nginx: (
        b"2026/01/01 10:00:00 [crit] 12#12: *1 connect() to 198.19.0.1:80 failed (99: Cannot "
        b"assign requested address) while connecting to upstream, client: 198.18.0.1\n",
        b"2026/01/01 10:00:00 [error] 12#12: *1 no live upstreams while connecting to upstream\n",
        "no_live_upstream",
    ),
    HAProxy: (
        b"Connect() failed for backend target: no free ports.\n"
        b"request 503 SC 9 Out of local source ports on the system\n",
        b"request 503 sC - -\n",
        "ETIMEDOUT",
    ),
    Caddy: (
        b'{"level":"error","ts":1.5,"logger":"http.log.error","msg":"dial tcp 198.19.0.1:80: '
        b'connect: cannot assign requested address","status":502}\n',
        b'{"level":"error","ts":1.5,"logger":"http.log.error","msg":"EOF","status":502}\n',
        "closed_early",
    ),
}


@pytest.mark.parametrize("kind", LINES)
def test_a_log_is_counted_once_as_it_grows(tmp_path, kind):
    """100,000 lines, then some more, then half a line that counts when it is whole."""
    many, other, name = LINES[kind]
    path = tmp_path / "log"
    log = ServerLog(path)

    def counts():
        return log.counts(lambda lines: kind.count(None, lines))

    assert counts() == {}
    path.write_bytes(many * 100_000)
    assert counts() == {"EADDRNOTAVAIL": 100_000}
    with path.open("ab") as file:
        file.write(other + many[:60])
        file.flush()
        half = counts()
        file.write(many[60:])
    assert half[name] == 1
    assert counts() == {"EADDRNOTAVAIL": 100_001, name: 1}


def test_nginx_pools_are_switched_off_where_they_are_on_by_default(tmp_path, point):
    """1.29.7 made a pool the default: `keepalive 0` is written from there on, and not before."""
    place = Place(
        side="proxy",
        listen=[("198.18.0.254", 80)],
        upstreams=[("198.19.0.1", 80)],
        folder=tmp_path,
    )
    nginx = Nginx(point("nginx"), place)
    for number, has_directive in (("1.22.1", False), ("1.29.6", False), ("1.29.7", True)):
        assert ("keepalive 0;" in nginx.generated(number)) == has_directive


def test_only_the_four_words_are_replaced(tmp_path):
    """Every other brace belongs to the server's own language."""
    place = Place(
        side="proxy",
        listen=[("2001:db8::1", 80)],
        upstreams=[("2001:db8::2", 80), ("2001:db8::3", 81)],
        folder=tmp_path,
    )
    text = "{host} {{listen}} {source}\n{upstreams}\n{listen {folder}"
    single = own_configuration.filled_in(text, place, None, repeats_lines=False)
    assert single == (
        "{host} {[2001:db8::1]:80} ::\n[2001:db8::2]:80 [2001:db8::3]:81\n{listen " + str(tmp_path)
    )
    repeated = own_configuration.filled_in(text, place, None, repeats_lines=True)
    assert repeated.splitlines()[1:3] == ["[2001:db8::2]:80", "[2001:db8::3]:81"]
