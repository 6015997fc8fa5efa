"""Who closes first and how often a connection is used, by what an HTTP client sends."""

from typing import Any

import pytest

from tw_bench.plan.calling import as_called
from tw_bench.profile.model import Point

FOR_GOOD = 1_000_000_000

# client, who closes first, requests of a connection
CLIENTS: list[tuple[dict[str, Any], str, float]] = [
    ({"kind": "http"}, "client", 7),
    ({"kind": "http", "http_version": "1.0"}, "server", 1),
    ({"kind": "http", "http_version": "1.0", "connection_header": "keep-alive"}, "client", 7),
    ({"kind": "http", "connection_header": "close"}, "server", 1),
    ({"kind": "aiohttp"}, "client", FOR_GOOD),
    ({"kind": "aiohttp", "session": "per_request"}, "client", 1),
    ({"kind": "aiohttp", "force_close": True}, "server", 1),
    ({"kind": "aiohttp", "force_close": True, "connection_header": "keep-alive"}, "client", 1),
    ({"kind": "aiohttp", "connection_header": "close"}, "server", 1),
    ({"kind": "aiohttp", "http_version": "1.0"}, "client", FOR_GOOD),
    ({"kind": "aiohttp", "http_version": "1.0", "session": "per_request"}, "client", 1),
    ({"kind": "aiohttp", "http_version": "1.0", "force_close": True}, "server", 1),
    ({"kind": "aiohttp", "http_version": "1.0", "connection_header": "close"}, "server", 1),
    ({"kind": "httpx"}, "client", FOR_GOOD),
    ({"kind": "httpx", "session": "per_request"}, "client", 1),
    ({"kind": "httpx", "connection_header": "close"}, "server", 1),
]


@pytest.mark.parametrize(("client", "closer", "requests"), CLIENTS, ids=lambda value: str(value))
def test_a_client(client, closer, requests):
    """Versions and headers say who closes, those included that a library sends by itself."""
    point = Point.model_validate(
        {"id": "point", "client": client, "connection": {"requests_per_connection": 7}}
    )
    connection = as_called(point).connection
    assert (connection.active_closer, connection.requests_per_connection.mean) == (closer, requests)


def test_a_library_fills_the_range_in_its_one_way():
    """No socket option evens out the fill of a wide range where a library makes the sockets."""
    point = Point.model_validate({"id": "point", "client": {"kind": "httpx"}})
    assert as_called(point).method.fill_source_port == "same"
