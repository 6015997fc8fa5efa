"""The plan of a host, asked in prepared namespaces: what is held, tracked and set counts."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

PRELUDE = """
import os, socket, subprocess, sys
from tw_bench.kernel import links, namespaces, sysctl

uid, gid = os.getuid(), os.getgid()
namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNET)
namespaces.become_root_of_user_namespace(uid, gid)
links.raise_link("lo", ["198.18.0.1/32", "2001:2::1/128"])
sysctl.write("net.ipv4.ip_local_port_range", "40000 40099")
"""
EPILOGUE = """
sys.exit(subprocess.run([sys.executable, "-m", "tw_bench", "plan", *sys.argv[1:]]).returncode)
"""


def planned(prepare: str, *arguments: str) -> dict[str, Any]:
    """Return what `plan --json` says in a prepared namespace."""
    done = subprocess.run(
        [sys.executable, "-c", f"{PRELUDE}\n{prepare}\n{EPILOGUE}", "--json", *arguments],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    (plan,) = json.loads(done.stdout)["plans"]
    return dict(plan)


@pytest.mark.parametrize("address", ["198.18.0.1", "2001:2::1"])
def test_ports_that_somebody_listens_on_are_not_counted(address):
    """Ten listeners inside the range leave 90 of 100, whichever IP version they are of."""
    family = "socket.AF_INET6" if ":" in address else "socket.AF_INET"
    plan = planned(
        f"kept = [socket.create_server(({address!r}, 40000 + n), family={family})"
        " for n in range(10)]"
    )
    assert plan["four_tuples"] == 90
    assert plan["limit_per_s"] == pytest.approx(90 / 62.0485, rel=1e-3)
    assert "free the held ports" in [remedy["name"] for remedy in plan["remedies"]]


def test_sysctls_of_the_namespace_are_the_plans():
    """Reserved ports, reuse and buckets are read where the command runs."""
    plan = planned(
        'sysctl.write("net.ipv4.ip_local_reserved_ports", "40000-40019")\n'
        'sysctl.write("net.ipv4.tcp_max_tw_buckets", "20")'
    )
    assert (80, "TIME_WAIT buckets") == (plan["four_tuples"], plan["binding"])
    assert plan["limit_per_s"] == pytest.approx(20 / 62.0485, rel=1e-3)
    assert plan["remedies"][0]["to"] == "tcp_max_tw_buckets 128"
    reused = planned('sysctl.write("net.ipv4.tcp_tw_reuse", "1")')
    assert reused["limit_per_s"] == pytest.approx(100 / 1.0005, rel=1e-3)


@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
def test_conntrack_is_a_wall_where_it_is_in_use():
    """A rule that tracks, and one connection: from then on the table is a bound."""
    rules = "table inet t { chain c { type filter hook input priority 0; ct state new counter; }; }"
    talk = (
        f"subprocess.run(['nft', '-f', '-'], input={rules!r}, text=True, check=True)\n"
        "server = socket.create_server(('198.18.0.1', 80))\n"
        "client = socket.create_connection(('198.18.0.1', 80))"
    )
    names = [[wall["name"] for wall in planned(text)["walls"]] for text in ("", talk)]
    assert [False, True] == ["conntrack" in found for found in names]
