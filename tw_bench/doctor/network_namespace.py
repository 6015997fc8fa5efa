"""Which network namespace is looked at: what is in it is all that the doctor sees."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tw_bench.kernel import sysctl


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkNamespace:
    """The namespace of this process. None: not to be seen."""

    name: str | None = None  # as the kernel writes it: net:[4026531840]
    is_initial: bool | None = None  # the one that the machine started with
    is_of_process_1: bool | None = None  # which, in a container, is the container's own

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def read_network_namespace() -> NetworkNamespace:
    """Say which one this is.

    Process 1 of a container is no witness: it lives in the container's own. But only the initial
    one has tcp_max_orphans (ipv4_table, net/ipv4/sysctl_net_ipv4.c), and every one has
    tcp_timestamps.
    """
    name, first = _name("self"), _name("1")
    has_sysctls = sysctl.read("net.ipv4.tcp_timestamps") is not None
    return NetworkNamespace(
        name=name,
        is_initial=sysctl.path("net.ipv4.tcp_max_orphans").exists() if has_sysctls else None,
        is_of_process_1=None if name is None or first is None else name == first,
    )


def _name(pid: str) -> str | None:
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return None
