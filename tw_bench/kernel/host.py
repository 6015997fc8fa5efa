"""What this machine says of itself: kernel release, timer frequency, processors, limits."""

import gzip
import os
import re
import time
from pathlib import Path

# Linux: include/uapi/linux/time.h; its resolution is one tick, TICK_NSEC.
_CLOCK_MONOTONIC_COARSE = 6


def timer_hz() -> tuple[int, str]:
    """Return CONFIG_HZ and where it was found.

    The kernel's own configuration first; where neither copy is there, the tick is measured as
    the resolution of the coarse clock (posix_get_coarse_res, kernel/time/posix-timers.c).
    """
    release = os.uname().release
    for name in ("/proc/config.gz", f"/boot/config-{release}"):
        try:
            data = Path(name).read_bytes()
        except OSError:
            continue
        text = gzip.decompress(data) if name.endswith(".gz") else data
        match = re.search(rb"^CONFIG_HZ=(\d+)$", text, re.MULTILINE)
        if match:
            return int(match[1]), name
    return round(1 / time.clock_getres(_CLOCK_MONOTONIC_COARSE)), "measured (coarse clock)"


def kernel_version(release: str) -> tuple[int, int]:
    """Return (major, minor).

    >>> kernel_version("6.18.44-fc-v669")
    (6, 18)
    """
    match = re.match(r"(\d+)\.(\d+)", release)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def usable_cpus() -> int:
    """Return how many processors this process may run on."""
    return len(os.sched_getaffinity(0))


def open_files_limit() -> int:
    """Return how many file descriptors a process may have, once it raises its soft limit."""
    import resource  # Unix has it; `tw-bench plan` runs on Windows too

    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def open_files_soft_limit() -> int:
    """Return how many file descriptors a process has that does not ask for more."""
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def raise_open_files_limit() -> None:
    """Lift the soft limit on file descriptors to the hard one, as far as the kernel lets us."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_model() -> str:
    """Return the processor's name as /proc/cpuinfo has it, or the architecture."""
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        match = None
    return match[1] if match else os.uname().machine


def why_no_user_namespace() -> tuple[str, str]:
    """Return (cause, remedy): which of the known switches forbids user namespaces here."""

    def setting(name: str) -> str:
        try:
            return Path("/proc/sys", name.replace(".", "/")).read_text().strip()
        except OSError:
            return ""

    switches = (
        ("user.max_user_namespaces", "0", "15000"),
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    )
    for name, forbidding, allowing in switches:
        if setting(name) == forbidding:
            return f"{name} is {forbidding}", f"sudo sysctl -w {name}={allowing}"
    return (
        "most likely a container's seccomp profile",
        "start the container with --privileged or --security-opt seccomp=unconfined",
    )
