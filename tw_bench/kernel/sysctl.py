"""Read and write sysctls of the network namespace that the caller lives in."""

from pathlib import Path

_ROOT = Path("/proc/sys")


def path(name: str) -> Path:
    """Return the file of a sysctl: `net.ipv4.tcp_tw_reuse` or `net/ipv4/tcp_tw_reuse`."""
    return _ROOT / name.replace(".", "/")


def read(name: str) -> str | None:
    """Return the value, or None where this kernel (or namespace) has no such sysctl."""
    try:
        return path(name).read_text().strip()
    except OSError:
        return None


def write(name: str, value: object) -> None:
    """Write a sysctl of this namespace.

    Raises:
        OSError: ENOENT when the kernel has no such sysctl, EINVAL when it refuses the value.
    """
    # One write(2) straight to the file: a buffered writer would report a refusal at close only.
    with path(name).open("wb", buffering=0) as file:
        file.write(str(value).encode())
