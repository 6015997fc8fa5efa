"""Make HTTP/1 requests: `python caller.py ADDRESS PORT REQUESTS AT_ONCE VERSION`.

Connections are kept; one that the other end announces to close is closed and opened anew.
Prints, as JSON, status → count; what got no answer counts under the name of its exception.
"""

import asyncio
import json
import sys
from collections import Counter


async def answer(reader: asyncio.StreamReader, version: str) -> tuple[int, bool]:
    """Read a response; return its status, and whether the connection ends with it."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, has_length, rest = head.partition(b"content-length:")
    await (reader.readexactly(int(rest.split(b"\r", 1)[0])) if has_length else reader.read())
    ends = b"connection: close" in head or version == "1.0" or not has_length
    return int(head.split(b" ", 2)[1]), ends


async def call(
    address: str, port: int, version: str, turns: list[int], statuses: Counter[str]
) -> None:
    """Take turns until there are none left."""
    request = f"GET / HTTP/{version}\r\nHost: bench\r\n\r\n".encode()
    reader = writer = None
    while turns:
        turns.pop()
        try:
            if reader is None or writer is None:
                reader, writer = await asyncio.open_connection(address, port)
            writer.write(request)
            status, ends = await asyncio.wait_for(answer(reader, version), 10)
            statuses[str(status)] += 1
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            statuses[type(error).__name__] += 1
            ends = True
        if ends and writer is not None:
            writer.close()
            reader = writer = None
    if writer is not None:
        writer.close()


async def main() -> None:
    """Make all requests and print what became of them."""
    address, port, requests, at_once, version = sys.argv[1:]
    statuses: Counter[str] = Counter()
    turns = list(range(int(requests)))
    callers = (call(address, int(port), version, turns, statuses) for _ in range(int(at_once)))
    await asyncio.gather(*callers)
    sys.stdout.write(json.dumps(statuses))


if __name__ == "__main__":
    asyncio.run(main())
