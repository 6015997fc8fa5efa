"""The lab itself: what it sets, what it leaves alone, and that it leaves nothing behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tw_bench.errors import LabError
from tw_bench.kernel import sysctl
from tw_bench.lab.lab import keeper, lab
from tw_bench.lab.topology import Side, Topology

PAIR = Topology(
    True,
    (
        Side("client", ("198.18.0.1/30",), {"net.ipv4.ip_local_port_range": "40000 40031"}),
        Side("server", ("198.18.0.2/30",), {"net.core.somaxconn": "77"}),
    ),
)
WATCHED = (
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_tw_reuse_delay",
    "net.core.somaxconn",
    "net.ipv4.tcp_max_tw_buckets",
)


async def output(living, side: str, *argv: str) -> str:
    """Return what a program prints on a side."""
    process = await living.spawn(side, list(argv))
    text = (await process.stdout.read()).decode()
    await process.wait()
    process.close()
    return text


def namespaces_here() -> set[str]:
    """Return every network namespace that a process of this machine lives in."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(str(path.readlink()))
        except OSError:
            continue
    return found


def test_each_side_has_its_own_sysctls_and_the_host_keeps_its_own():
    """Sysctls are set on the side they are for; the host's are untouched."""
    before = {name: sysctl.read(name) for name in WATCHED}

    async def story():
        async with lab("one", PAIR, link) as living:
            read = ("cat", "/proc/sys/net/ipv4/ip_local_port_range", "/proc/sys/net/core/somaxconn")
            client = await output(living, "client", *read)
            server = await output(living, "server", *read)
            return client.split(), server.split()

    with keeper(isolated=True) as link:
        client, server = asyncio.run(story())
    assert client[:2] == ["40000", "40031"]
    assert server[:2] != ["40000", "40031"]
    assert server[2] == "77"
    assert before == {name: sysctl.read(name) for name in WATCHED}


def test_the_sides_reach_each_other_and_nothing_else():
    """A lab has its veth and its loopback; there is no route to anywhere else."""

    async def story():
        async with lab("one", PAIR, link) as living:
            return await output(living, "client", "cat", "/proc/net/dev", "/proc/net/route")

    with keeper(isolated=True) as link:
        text = asyncio.run(story())
    devices = [line.split(":")[0].strip() for line in text.splitlines() if ":" in line]
    assert {"lo", "veth0"} <= set(devices)
    assert not [name for name in devices if name.startswith(("eth", "en"))]
    routes = [line.split()[1] for line in text.splitlines() if line.startswith("veth0\t")]
    assert routes == ["000012C6"]  # 198.18.0.0/30, and no default route


def test_an_unknown_sysctl_is_a_lab_error_that_names_it():
    """A sysctl that this kernel lacks is named, with its side and value."""
    wrong = Topology(
        True, (Side("client", ("198.18.0.1/30",), {"net.ipv4.no_such": "1"}), PAIR.sides[1])
    )

    async def story():
        async with lab("one", wrong, link):
            pass

    with (
        keeper(isolated=True) as link,
        pytest.raises(LabError, match=r"client: net\.ipv4\.no_such = 1: this kernel has no such"),
    ):
        asyncio.run(story())


def test_a_refused_value_is_a_lab_error():
    """A value that the kernel refuses is reported with the kernel's reason."""
    delay = {"net.ipv4.tcp_tw_reuse_delay": "0"}
    wrong = Topology(True, (Side("client", ("198.18.0.1/30",), delay), PAIR.sides[1]))

    async def story():
        async with lab("one", wrong, link):
            pass

    with keeper(isolated=True) as link, pytest.raises(LabError, match="Invalid argument"):
        asyncio.run(story())


@pytest.mark.parametrize("victim", ["run", "keeper", "process 1"])
def test_nothing_survives_a_kill(victim):
    """kill -9 of the run, of the keeper or of its process 1 leaves no process or namespace."""
    before = namespaces_here()
    script = (
        "import asyncio, sys\n"
        "from tw_bench.lab.lab import keeper, lab\n"
        "from tw_bench.lab.topology import Side, Topology\n"
        "sides = (Side('client', ('198.18.0.1/30',), {}), Side('server', ('198.18.0.2/30',), {}))\n"
        "async def story(link):\n"
        "    async with lab('one', Topology(True, sides), link) as living:\n"
        "        await living.spawn('client', ['sleep', '1234'])\n"
        "        await living.spawn('server', ['sh', '-c', 'sleep 1234 & sleep 1234'])\n"
        "        print('up', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "with keeper(isolated=True) as link:\n"
        "    asyncio.run(story(link))\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == b"up\n"
        assert len(namespaces_here() - before) >= 2
        (first,) = children(run.pid)
        (init,) = children(first)
        os.kill({"run": run.pid, "keeper": first, "process 1": init}[victim], signal.SIGKILL)
        deadline = time.monotonic() + 10
        while (namespaces_here() - before or alive(init)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert namespaces_here() - before == set()
        assert not alive(init)
        assert not alive(first)
    finally:
        run.kill()
        run.communicate()


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_lab_needs_no_privilege():
    """An ordinary user builds a lab: no root, no capability (but to read this checkout)."""
    script = (
        "import asyncio\n"
        "from tw_bench.lab.lab import keeper, lab\n"
        "from tw_bench.lab.topology import Side, Topology\n"
        "sides = (Side('client', ('198.18.0.1/30',), {}), Side('server', ('198.18.0.2/30',), {}))\n"
        "async def story(link):\n"
        "    async with lab('one', Topology(True, sides), link) as living:\n"
        "        print(living.read_counters()['client']['sockstat.TCP.tw'])\n"
        "with keeper(isolated=True) as link:\n"
        "    asyncio.run(story(link))\n"
    )
    reads = "-all,+dac_read_search"
    nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        f"--inh-caps={reads}",
        f"--ambient-caps={reads}",
        f"--bounding-set={reads}",
        "--no-new-privs",
    ]
    prefix = nobody if os.geteuid() == 0 else []
    done = subprocess.run([*prefix, sys.executable, "-c", script], capture_output=True, text=True)
    assert (0, "0\n") == (done.returncode, done.stdout), done.stderr
