"""What the plan needs to know about a machine, read once and then data."""

import json
import os
import platform
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from tw_bench import __version__
from tw_bench.errors import ProfileError
from tw_bench.kernel import host, sysctl
from tw_bench.plan.ceilings import Ceiling
from tw_bench.profile.sysctls import wanted_number

# What bears on port exhaustion, as a namespace made here starts with or this host has.
_SYSCTLS = (
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_tw_reuse_delay",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_rfc1337",
    "net.ipv4.tcp_syncookies",
    "net.core.somaxconn",
    "net.netfilter.nf_conntrack_count",
    "net.netfilter.nf_conntrack_max",
    "net.netfilter.nf_conntrack_tcp_timeout_time_wait",
    "fs.file-max",
    "user.max_user_namespaces",
)


_FORMAT = "tw-bench host facts"
_FORMAT_VERSION = 1
_LARGEST = 2**63 - 1  # what a sysctl holds at the most


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """A machine: its kernel, its timer, its processors and its limits."""

    kernel: str  # uname -r
    architecture: str  # uname -m
    hz: int  # CONFIG_HZ, ticks a second
    hz_source: str  # where that was read
    cpus: int  # that this process may run on
    cpu_model: str  # by /proc/cpuinfo
    open_files: int  # descriptors a process may have, once it raises its soft limit
    open_files_soft: int | None = None  # what it has if it does nothing
    python: str  # version
    tw_bench: str  # version
    sysctls: dict[str, str] = field(default_factory=dict)  # of this host, not of a lab
    held_ports: tuple[int, ...] = ()  # inside the range: listened on, or bound and idle
    ceilings: dict[str, Ceiling] = field(default_factory=dict)  # of the generator, by kind

    @property
    def kernel_version(self) -> tuple[int, int]:
        """(major, minor)."""
        return host.kernel_version(self.kernel)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def read_host_facts() -> HostFacts:
    """Read this machine's facts; nothing is changed."""
    hz, hz_source = host.timer_hz()
    values = {name: sysctl.read(name) for name in _SYSCTLS}
    return HostFacts(
        kernel=os.uname().release,
        architecture=os.uname().machine,
        hz=hz,
        hz_source=hz_source,
        cpus=host.usable_cpus(),
        cpu_model=host.cpu_model(),
        open_files=host.open_files_limit(),
        open_files_soft=host.open_files_soft_limit(),
        python=platform.python_version(),
        tw_bench=__version__,
        sysctls={name: value for name, value in values.items() if value is not None},
    )


def facts_to_json(facts: HostFacts) -> str:
    """Return the text of a facts file, for `tw-bench plan --host FILE`."""
    document = {"format": _FORMAT, "format_version": _FORMAT_VERSION, **facts.to_dict()}
    return json.dumps(document, indent=2)


def facts_from_json(text: str, where: str) -> HostFacts:
    """Return the facts of a file; `where` is its name.

    Raises:
        ProfileError: it is no such file, or one of its values cannot be.
    """
    from pydantic import TypeAdapter, ValidationError  # a tenth of a second, and only for a file

    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"{where}: is no JSON ({error}): {_WANTED}") from error
    if not isinstance(document, dict) or document.pop("format", None) != _FORMAT:
        raise ProfileError(f"{where}: is no host facts: {_WANTED}")
    version = document.pop("format_version", None)
    if version != _FORMAT_VERSION:
        raise ProfileError(f"{where}: format_version: got {version!r}: want {_FORMAT_VERSION}")
    try:
        facts = TypeAdapter(HostFacts).validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"]))
        raise ProfileError(f"{where}: {path}: {first['msg']}: {_WANTED}") from error
    _check(facts, where)
    return facts


_BOUNDS = {  # least and most that a machine has
    "hz": (24, 10_000),
    "cpus": (1, 100_000),
    "open_files": (0, _LARGEST),
    "open_files_soft": (0, _LARGEST),
}
_WANTED = "want a file written by tw-bench doctor --facts"


def _check(facts: HostFacts, where: str) -> None:
    """Refuse values that no kernel has: the law would calculate with them."""
    if not re.match(r"[1-9]\d?\.\d{1,3}(?!\d)", facts.kernel) or len(facts.kernel) > 200:
        raise ProfileError(f"{where}: kernel: got {facts.kernel[:40]!r}: want such as 6.18.0")
    for name, (least, most) in _BOUNDS.items():
        found = getattr(facts, name)
        if found is not None and not least <= found <= most:
            raise ProfileError(f"{where}: {name}: got {found:.6g}: want {least} to {most}")
    for port in facts.held_ports:
        if not 0 < port <= 65_535:
            raise ProfileError(f"{where}: held_ports: got {port}: want ports up to 65535")
    for name, value in facts.sysctls.items():
        wanted = _wanted(name, value)
        if wanted:
            raise ProfileError(f"{where}: sysctls.{name}: got {value!r}: {wanted}")


def _wanted(name: str, value: str) -> str | None:
    if name == "net.ipv4.ip_local_port_range":
        ends = [int(word) for word in value.split() if word.isdecimal()]
        is_range = len(ends) == 2 and len(value.split()) == 2 and 1 <= ends[0] <= ends[1] <= 65_535
        return None if is_range else "want two ports such as 32768 60999"
    if name == "net.ipv4.ip_local_reserved_ports" or name not in _SYSCTLS:
        return wanted_number(name, value)
    is_number = value.isdecimal() and int(value) <= _LARGEST
    return wanted_number(name, value) if is_number else "want a number"
