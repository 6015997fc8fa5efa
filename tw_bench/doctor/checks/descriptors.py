"""File limits: of this shell, of the processes that are there, of the machine. Pure."""

from collections.abc import Iterator

from tw_bench.doctor.descriptors import HIGH, Descriptors
from tw_bench.doctor.examination import Examination
from tw_bench.doctor.finding import Finding, ready

_FULL = 95.0  # percent
_OPEN_FILES = 1_024  # INR_OPEN_CUR, include/uapi/linux/fs.h
_ENOUGH = 65_536
_NO_LIMIT = 1 << 62  # what systemd sets fs.file-max to, and more


def open_files(e: Examination) -> Iterator[Finding]:
    """The limits that programs start with, and that of the whole machine."""
    yield from _machine(e)
    soft, hard = e.facts.open_files_soft, e.facts.open_files
    if soft is None or soft > _OPEN_FILES:
        yield ready("open files", f"{soft or hard:,} (hard limit {hard:,}) from this shell")
        return
    yield Finding(
        level="advice",
        topic="open files",
        found=f"{soft:,} from this shell (hard limit {hard:,})",
        why="Each connection takes a descriptor: a program that does not raise this limit ends "
        "with EMFILE long before the ports do.",
        command=f"ulimit -n {hard}" if hard > soft else "sudo prlimit --pid $$ --nofile=65536",
        risk="none to most; programs that use select() break above 1,024. A service has its own: "
        "LimitNOFILE=",
    )


def _machine(e: Examination) -> Iterator[Finding]:
    """Yield the limit of all processes together, where it is near."""
    if e.files is None or e.files[1] >= _NO_LIMIT:
        return
    count, most = e.files
    share = 100 * count / max(1, most)
    if share < HIGH:
        return
    yield Finding(
        level="blocking" if share >= _FULL else "advice",
        topic="open files",
        found=f"{count:,} of {most:,} on the whole machine ({share:.1f} %, fs.file-max)",
        why="When none is left, open(), socket() and accept() fail with ENFILE in every process "
        "but those of root.",
        command=f"sudo sysctl -w fs.file-max={2 * most}",
        risk="about 0.25 kB of memory for each open file; in a container this is set on the host",
    )


def processes(e: Examination) -> Iterator[Finding]:
    """A process that is about to run out of descriptors, whatever this shell may have."""
    near = [each for each in e.descriptors if each.percent >= HIGH]
    for each in near[:3]:
        yield _near(each)
    if e.descriptors and not near:
        yield ready("descriptors", f"fullest: {_text(e.descriptors[0])}")


def _text(of: Descriptors) -> str:
    """Return a process and how full it is."""
    owner = of.owner
    return f"{owner.command} ({owner.pid}): {of.open:,} of {of.soft:,} ({of.percent:.1f} %)"


def _near(of: Descriptors) -> Finding:
    may_have = of.hard is None or of.hard > of.soft
    wanted = min(of.hard or _ENOUGH, max(_ENOUGH, 4 * of.soft)) if may_have else 4 * of.soft
    return Finding(
        level="blocking" if of.percent >= _FULL else "advice",
        topic="descriptors",
        found=_text(of),
        why="When none is left, accept(), socket() and open() fail with EMFILE.",
        # Only the soft limit where that is enough: it needs no more than the process has.
        command=f"sudo prlimit --pid {of.owner.pid} --nofile={wanted}:"
        + ("" if may_have else str(wanted)),
        risk="until it restarts: a service has LimitNOFILE=; a leak only lasts longer, and "
        "programs that use select() break above 1,024",
    )
