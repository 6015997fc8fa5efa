"""Sysctls as a profile may set them: of a network namespace, and with a value that can be one."""

import re
from typing import Annotated

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

# Those that the plan calculates with → (least, most) that has a meaning
# (Documentation/networking/ip-sysctl.rst).
_NUMBERS = {
    "net.ipv4.tcp_tw_reuse": (0, 2),
    "net.ipv4.tcp_tw_reuse_delay": (1, 60_000),
    "net.ipv4.tcp_timestamps": (0, 2),
    "net.ipv4.tcp_max_tw_buckets": (0, 2**31 - 1),
}


def _name(name: str) -> str:
    if not re.fullmatch(r"net\.[a-z0-9_]+(\.[a-zA-Z0-9_-]+)+", name):
        raise ValueError("want a sysctl of a network namespace such as net.ipv4.tcp_tw_reuse")
    if name.endswith(".tcp_tw_recycle"):
        raise ValueError(
            "was removed in Linux 4.12 (commit 4396e46187ca): it dropped clients behind NAT, and "
            "timestamps are random per connection since 4.10: want net.ipv4.tcp_tw_reuse"
        )
    if name.endswith(".ip_local_port_range"):
        raise ValueError("is set by lab.ports: want the range there")
    return name


def _value(value: object) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("want a number or text, as in /proc/sys")
    if isinstance(value, str) and not re.fullmatch(r"[ -~\t]{1,200}", value):
        raise ValueError("want one short line, as in /proc/sys")
    return value


def wanted_number(name: str, value: int | str) -> str | None:
    """Return what the plan, which calculates with this sysctl, wants instead of the value.

    >>> wanted_number("net.ipv4.tcp_tw_reuse", "lots")
    'want 0 to 2'
    >>> wanted_number("net.ipv4.tcp_tw_reuse", 1), wanted_number("net.ipv4.tcp_rmem", "4096 8192")
    (None, None)
    """
    if name == "net.ipv4.ip_local_reserved_ports":
        return (
            None if _is_port_list(str(value)) else "want a list of ports such as 40000-40009,41000"
        )
    if name not in _NUMBERS:
        return None
    least, most = _NUMBERS[name]
    is_number = re.fullmatch(r"-?[0-9]{1,10}", str(value)) is not None
    return None if is_number and least <= int(value) <= most else f"want {least} to {most}"


def _is_port_list(text: str) -> bool:
    for item in filter(None, text.split(",")):
        match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", item)
        if match is None or not int(match[1]) <= int(match[2] or match[1]) <= 65_535:
            return False
    return True


SysctlName = Annotated[str, AfterValidator(_name)]
SysctlValue = Annotated[
    int | str, PlainValidator(_value), WithJsonSchema({"type": ["integer", "string"]})
]
Sysctls = dict[SysctlName, SysctlValue]
