"""What the doctor has to say: one finding, its weight, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypedDict

Level = Literal["blocking", "advice", "ready"]
LEVELS: tuple[Level, ...] = ("blocking", "advice", "ready")


class Remedy(TypedDict):
    """What changes it, and what that may cost: two fields of a finding."""

    command: str
    risk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. blocking: it fails now or is about to; ready: all is well."""

    level: Level
    topic: str  # what it is about: a sysctl, a state, a limit
    found: str  # with its figure
    why: str = ""  # why it matters, in one sentence; a ready one needs none
    command: str = ""  # that changes it, to be copied; empty where no command does
    risk: str = ""  # of that change
    is_setting: bool = False  # a value that is as it should be, and says all by itself

    def to_dict(self) -> dict[str, str]:
        """Return plain data for JSON."""
        names = ("level", "topic", "found", "why", "command", "risk")
        return {name: getattr(self, name) for name in names}


def ready(topic: str, found: str) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding(level="ready", topic=topic, found=found)


def setting(topic: str, found: str) -> Finding:
    """Return the finding that a sysctl is as it should be; such are shown in a row."""
    return Finding(level="ready", topic=topic, found=found, is_setting=True)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings, the gravest first; equals stay in the order of the checks."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def status(findings: Iterable[Finding]) -> Literal["ready", "blocking"]:
    """Return what it comes down to, for a script."""
    return "blocking" if any(finding.level == "blocking" for finding in findings) else "ready"
