"""What this machine says of itself."""

import gzip
import os
import time
from pathlib import Path

import pytest

from tw_bench.kernel import host


def test_the_tick_measured_is_the_tick_configured():
    """Where no configuration can be read, the coarse clock's resolution tells HZ just as well."""
    hz, source = host.timer_hz()
    if source.startswith("measured"):
        pytest.skip("this kernel keeps its configuration to itself")
    assert hz == round(1 / time.clock_getres(6))


@pytest.mark.parametrize("hz", [100, 250, 300, 1000])
def test_hz_is_read_from_either_configuration(monkeypatch, hz):
    """/proc/config.gz is asked first, then /boot/config-RELEASE, then the clock."""
    text = f"CONFIG_HZ_{hz}=y\nCONFIG_HZ={hz}\n".encode()
    files: dict[str, bytes] = {"/proc/config.gz": gzip.compress(text)}

    def read_bytes(path: Path) -> bytes:
        if str(path) not in files:
            raise FileNotFoundError(path)
        return files[str(path)]

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert (hz, "/proc/config.gz") == host.timer_hz()
    files.clear()
    files[f"/boot/config-{os.uname().release}"] = text
    assert hz == host.timer_hz()[0]
    files.clear()
    assert host.timer_hz()[1] == "measured (coarse clock)"


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("user.max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=15000"),
        (
            "kernel.unprivileged_userns_clone",
            "0",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            "kernel.apparmor_restrict_unprivileged_userns",
            "1",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ],
)
def test_the_switch_that_forbids_namespaces_is_named(monkeypatch, name, value, remedy):
    """Debian's, Ubuntu's and the kernel's own switch, each with the command that turns it."""
    own = Path("/proc/sys", name.replace(".", "/"))

    def read_text(path: Path) -> str:
        if path == own:
            return f"{value}\n"
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert (f"{name} is {value}", remedy) == host.why_no_user_namespace()
