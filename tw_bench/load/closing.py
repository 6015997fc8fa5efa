"""How a connection ends once its last response is due. A new way is one function and one line.

Each returns how many bytes of the response came; all but `unread` end with the whole response.
"""

import errno
from collections.abc import Awaitable, Callable

from tw_bench.load.clients.connection import Connection
from tw_bench.results.outcomes import CLOSE

# connection, bytes of the response → bytes that came
Finish = Callable[[Connection, int], Awaitable[int]]


async def _client_fin(connection: Connection, response_bytes: int) -> int:
    """Read the response, then close: our FIN goes first, TIME_WAIT stays here."""
    received = await connection.receive(response_bytes)
    connection.phase = CLOSE
    connection.close()
    return received


async def _client_rst(connection: Connection, response_bytes: int) -> int:
    """Read the response, then close with SO_LINGER {1, 0}: an RST, and no TIME_WAIT."""
    received = await connection.receive(response_bytes)
    connection.phase = CLOSE
    connection.reset()
    return received


async def _client_half(connection: Connection, response_bytes: int) -> int:
    """Read the response, shut down our direction, wait for the other FIN, then close."""
    received = await connection.receive(response_bytes)
    connection.shut_down()
    received += await connection.receive(1)
    connection.phase = CLOSE
    connection.close()
    return received


async def _client_unread(connection: Connection, response_bytes: int) -> int:
    """Close once the response is there, unread: the kernel sends an RST instead of a FIN."""
    await connection.readable()
    connection.phase = CLOSE
    connection.close()
    return response_bytes


async def _server_fin(connection: Connection, response_bytes: int) -> int:
    """Read the response and the server's FIN, then close: TIME_WAIT stays there."""
    received = await connection.receive(response_bytes)
    if received == response_bytes:
        received += await connection.receive(1)
    connection.phase = CLOSE
    connection.close()
    return received


async def _server_rst(connection: Connection, response_bytes: int) -> int:
    """Read the response; the server's RST follows it, as it should."""
    received = await connection.receive(response_bytes)
    try:
        if received == response_bytes:
            received += await connection.receive(1)
    except OSError as error:
        if error.errno != errno.ECONNRESET:
            raise
    connection.phase = CLOSE
    connection.close()
    return received


WAYS: dict[tuple[str, str], Finish] = {
    ("client", "fin"): _client_fin,
    ("client", "rst"): _client_rst,
    ("client", "half"): _client_half,
    ("client", "unread"): _client_unread,
    ("server", "fin"): _server_fin,
    ("server", "rst"): _server_rst,
    ("both", "fin"): _client_fin,  # the server closes as well, and the lab holds back both FINs
}
