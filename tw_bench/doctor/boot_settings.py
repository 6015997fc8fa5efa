"""What the files of sysctl.d ask for at boot, so that a setting which is gone is still found."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# sysctl.d(5), and the file that sysctl(8) reads besides.
_FOLDERS = (
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/lib/sysctl.d",
)
_FILE = "/etc/sysctl.conf"
_SETTING = re.compile(r"\s*-?\s*(?P<name>[\w./*-]+)\s*=")


@dataclass(frozen=True, slots=True, kw_only=True)
class BootSetting:
    """One line of such a file."""

    path: str
    line: int
    name: str  # with dots


def boot_settings(wanted: str, root: Path = Path("/")) -> list[BootSetting]:
    """Return the lines that set a sysctl; files that cannot be read are passed over."""
    found: dict[tuple[Path, int], BootSetting] = {}  # /lib may be a link to /usr/lib
    for path in _files(root):
        try:
            lines = path.read_text(errors="replace").splitlines()
        except OSError:
            continue
        for number, text in enumerate(lines, 1):
            match = _SETTING.match(text)
            name = match["name"].replace("/", ".") if match else ""
            if name == wanted:
                setting = BootSetting(path=str(path), line=number, name=name)
                found.setdefault((path.resolve(), number), setting)
    return list(found.values())


def _files(root: Path) -> Iterator[Path]:
    yield root / _FILE.lstrip("/")
    for folder in _FOLDERS:
        yield from sorted((root / folder.lstrip("/")).glob("*.conf"))
