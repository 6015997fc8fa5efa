"""A lab of three namespaces, and what is seen on the proxy's links."""

import asyncio
import json

import pytest

from tw_bench.kernel.process import python_module
from tw_bench.lab.lab import keeper, lab
from tw_bench.lab.topology import topology
from tw_bench.profile.model import Point

CALL = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()
    print("reached")
except OSError as error:
    print(type(error).__name__)
"""
# Two connections that the caller closes first, one that it resets, three the other end closes.
CONVERSE = """
import socket, struct, sys, time
address = (sys.argv[1], 80)
for who in "ccrsss":
    client = socket.create_connection(address)
    client.sendall(who.encode())
    if who == "s":
        client.recv(1)
    if who == "r":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    time.sleep(0.02)
"""
ANSWER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 80), family=family) as listener:
    print("ready", flush=True)
    while True:
        one, _ = listener.accept()
        if one.recv(1) != b"s":
            try:
                one.recv(1)
            except ConnectionResetError:
                pass
        one.close()
"""


def a_point(version: int) -> Point:
    """Return a point with a proxy."""
    return Point.model_validate(
        {"id": "p", "lab": {"ip_version": version, "ports": 50}, "proxy": {"kind": "nginx"}}
    )


async def said(living, side: str, *argv: str) -> str:
    """Return what a program prints on a side."""
    process = await living.spawn(side, list(argv))
    text = (await process.stdout.read()).decode()
    await process.wait()
    process.close()
    return text.strip()


@pytest.mark.parametrize("version", [4, 6])
def test_the_proxy_is_between_the_two(version):
    """Each end reaches the proxy's address on its own side; nothing is forwarded past it."""
    sides = topology(a_point(version))
    client, proxy, server = (sides.side(name) for name in ("client", "proxy", "server"))
    back = proxy.onward[0].partition("/")[0]

    async def story() -> dict[tuple[str, str], str]:
        found = {}
        async with lab("three", sides, link) as living:
            for side, address in (
                ("client", proxy.ips[0]),
                ("proxy", client.ips[0]),
                ("proxy", server.ips[0]),
                ("server", back),
                ("client", server.ips[0]),
            ):
                found[side, address] = await said(living, side, "python3", "-c", CALL, address, "9")
            ranges = [
                await said(living, side.name, "cat", "/proc/sys/net/ipv4/ip_local_port_range")
                for side in (client, proxy)
            ]
        assert ["1024\t65535", "32768\t32817"] == ranges
        return found

    with keeper(isolated=True) as link:
        found = asyncio.run(story())
    *near, (_, beyond) = found.items()
    assert ["ConnectionRefusedError"] * 4 == [word for _, word in near]  # it answers: an RST
    assert beyond in ("OSError", "TimeoutError")  # no route


@pytest.mark.parametrize("version", [4, 6])
def test_who_closes_first_is_seen_on_the_wire(version):
    """The first FIN or RST of each connection, and not the second."""
    sides = topology(a_point(version))
    address = sides.side("server").ips[0]

    async def story() -> dict[str, int]:
        async with lab("wire", sides, link) as living:
            server = await living.spawn("server", ["python3", "-c", ANSWER, address])
            await server.stdout.readline()
            closers = await living.spawn(
                "proxy", [*python_module("tw_bench.observe.closers"), "veth1"]
            )
            await closers.stdout.readline()
            await said(living, "proxy", "python3", "-c", CONVERSE, address)
            await asyncio.sleep(0.1)
            closers.end_input()
            counts = json.loads(await closers.stdout.readline())
            for process in (closers, server):
                await process.stop()
                process.close()
            return dict(counts)

    with keeper(isolated=True) as link:
        counts = asyncio.run(story())
    assert {"proxy": 2, "target": 3, "proxy_rst": 1, "target_rst": 0} == counts
