"""HTTP/1.0 and 1.1 towards upstream: connections opened, who closes first, and the 502 cliff.

500 ports, 1,000 requests over eight kept connections of a client; each server as it is installed.
"""

import pytest

from tw_bench.errors import ProfileError
from tw_bench.profile.quantities import PortRange

CLOSE = {"connection_header": "close"}
OLD = {"upstream_protocol": "1.0"}
POOL = {"keepalive": 32}
HTTP_1_0 = {"kind": "http", "http_version": "1.0"}


@pytest.mark.parametrize(
    ("kind", "proxy"),
    [
        ("nginx", {**OLD, **CLOSE}),
        ("nginx", OLD),
        ("nginx", CLOSE),
        ("nginx", {**POOL, **CLOSE}),
        ("haproxy", CLOSE),
        ("caddy", CLOSE),
        ("caddy", {**POOL, **CLOSE}),
    ],
)
def test_an_upstream_that_is_asked_to_close_closes_first(forwarded, kind, proxy):
    """A connection a request; nearly all TIME_WAIT lies at the server, and nothing is refused."""
    found = forwarded(kind, 1000, 8, proxy=proxy)
    assert found.statuses == {"200": 1000}
    assert found.opened == 1000
    # A race: the proxy closes as soon as it has the whole body, and now and then it is first; or
    # the FINs cross, and both ends hold TIME_WAIT.
    assert found.time_wait["server"] > 200
    assert 1000 <= sum(found.time_wait.values()) + found.resets < 1200
    assert found.refusals == {}


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_http_1_1_without_a_pool_uses_each_port_once(forwarded, kind):
    """The proxy closes first: as many requests as ports succeed, all others are 502."""
    found = forwarded(kind, 1000, 8)
    assert found.statuses == {"200": 500, "502": 500}
    assert found.opened == 500
    assert found.time_wait == {"proxy": 500, "server": 0}
    assert found.refusals == {"EADDRNOTAVAIL": 500}


@pytest.mark.parametrize("nolinger", [False, True])
def test_haproxy_closes_by_an_rst(forwarded, nolinger):
    """Without a pool HAProxy resets each connection, nolinger or not, and holds no TIME_WAIT."""
    found = forwarded("haproxy", 1000, 8, proxy={"nolinger": nolinger})
    assert found.statuses == {"200": 1000}
    assert found.opened == found.resets == 1000
    assert found.time_wait == {"proxy": 0, "server": 0}
    assert found.refusals == {}


@pytest.mark.parametrize("kind", ["nginx", "haproxy", "caddy"])
def test_a_pool_reuses_connections(forwarded, kind):
    """Eight requests at once need eight connections, whatever the number of requests."""
    found = forwarded(kind, 1000, 8, proxy=POOL)
    assert found.statuses == {"200": 1000}
    assert found.opened <= 50  # Go dials while it waits for a connection to come free
    assert found.time_wait["server"] == 0
    assert found.refusals == {}


@pytest.mark.parametrize("kind", ["nginx", "haproxy", "caddy"])
def test_a_pool_that_is_too_small_leaks_connections(forwarded, kind):
    """What does not fit into the pool is closed by the proxy, after a request or a few."""
    large = {"response_bytes": 500_000}  # so that requests overlap on a fast machine
    found = forwarded(kind, 200, 16, proxy={"keepalive": 2}, ports=5000, connection=large)
    assert found.statuses == {"200": 200}
    assert found.opened > 4
    assert found.time_wait["proxy"] + found.resets >= found.opened - 16


def test_nginx_counts_the_requests_of_a_connection(forwarded):
    """keepalive_requests 10: a hundred connections for a thousand requests."""
    found = forwarded("nginx", 1000, proxy={**POOL, "keepalive_requests": 10})
    assert found.opened == 100


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_keep_alive_is_a_header_and_no_pool(forwarded, kind):
    """Connection: keep-alive without a pool: still a connection a request."""
    found = forwarded(kind, 100, proxy={"connection_header": "keep-alive"})
    assert found.opened == found.time_wait["proxy"] == 100


def test_haproxy_safe_does_not_share_for_a_first_request(forwarded):
    """Clients of one request each never get a pooled connection by safe; by always they do."""
    asked = {**OLD, "connection_header": "keep-alive", **POOL}
    safe = forwarded("haproxy", 200, 4, proxy=asked, client=HTTP_1_0)
    always = forwarded("haproxy", 200, 4, proxy={**asked, "http_reuse": "always"}, client=HTTP_1_0)
    assert safe.opened == 200
    assert always.opened <= 20


def test_haproxy_runs_out_of_ports_by_open_connections(forwarded):
    """More requests at once than ports, each keeping its connection: 503, and its log says why."""
    asked = {"http_reuse": "never", "keepalive": 32}
    found = forwarded("haproxy", 200, 16, ports=4, proxy=asked)
    refused = found.statuses["503"]
    assert refused > 50
    assert found.refusals == {"EADDRNOTAVAIL": refused}


def test_haproxy_binds_its_own_range(forwarded):
    """A `source` of four ports instead of the kernel's 500; used up, it is named as such."""
    asked = {"http_reuse": "never", "keepalive": 32, "source_ports": PortRange(1024, 1027)}
    found = forwarded("haproxy", 200, 16, proxy=asked)
    assert found.refusals == {"no_source_port": found.statuses["503"]}


@pytest.mark.parametrize(
    ("kind", "proxy", "setting"),
    [
        ("haproxy", OLD, "upstream_protocol"),
        ("haproxy", {"connection_header": "keep-alive"}, "connection_header"),
        ("haproxy", {"keepalive_requests": 10}, "keepalive_requests"),
        ("caddy", OLD, "upstream_protocol"),
        ("caddy", {"keepalive_requests": 10}, "keepalive_requests"),
        ("nginx", {"nolinger": True}, "nolinger"),
        ("caddy", {"http_reuse": "always"}, "http_reuse"),
        ("nginx", {"source_ports": PortRange(1024, 1027)}, "source_ports"),
    ],
)
def test_what_a_proxy_cannot_do_is_said(forwarded, kind, proxy, setting):
    """One line that names the setting and the proxy; nothing is measured in its place."""
    with pytest.raises(ProfileError, match=rf"^p: proxy\.{setting}: got .*: {kind} ") as caught:
        forwarded(kind, proxy=proxy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["nginx", "haproxy", "caddy"])
@pytest.mark.parametrize("lab", [{"ip_version": 6}, {"destinations": 3}])
def test_addresses_of_either_kind(forwarded, kind, lab):
    """IPv6, and several upstreams."""
    found = forwarded(kind, 60, 2, lab=lab, proxy=POOL)
    assert found.statuses == {"200": 60}


@pytest.mark.parametrize("size", [1, 64, 100_000])
def test_nginx_as_the_server_answers_with_a_body_of_the_size_asked_for(forwarded, size):
    """Any size, read to its end by the caller."""
    found = forwarded("nginx", 20, 2, connection={"response_bytes": size}, proxy=POOL)
    assert found.statuses == {"200": 20}
