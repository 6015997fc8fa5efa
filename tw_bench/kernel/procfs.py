"""Counters of a network namespace, read from files under /proc/net that were opened inside it.

A file of /proc/net stays bound to the namespace it was opened in, whoever reads it later, and
a read at offset 0 prints it afresh: open once, then one pread(2) a sample (15 µs a file on a
2-core machine, a quarter of open-read-close).
"""

import os
from collections.abc import Mapping, Sequence

FILES = ("sockstat", "netstat", "snmp")

# Formats: sockstat_seq_show, netstat_seq_show and snmp_seq_show, net/ipv4/proc.c
_LONGEST = 16_384  # bytes; netstat is 5 kB on Linux 6.18


def open_counters() -> dict[str, int]:
    """Return file name → descriptor for the namespace of the calling thread."""
    return {
        name: os.open(f"/proc/thread-self/net/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in FILES
    }


def read_counters(descriptors: Mapping[str, int]) -> dict[str, int]:
    """Return every counter of the namespace as `Heading.Name` → value."""
    counters: dict[str, int] = {}
    for name, descriptor in descriptors.items():
        text = os.pread(descriptor, _LONGEST, 0).decode()
        counters |= parse_sockstat(text) if name == "sockstat" else parse_pairs(text)
    return counters


class Selection:
    """A few counters of one namespace, found once by name and then picked by position.

    Splitting what is wanted of a few lines costs a quarter of parsing them all, which counts at ten
    samples a second of twenty namespaces; what is left is the kernel's printing (50 of 60 µs, with
    no TIME_WAIT as with 60,000). A line is known by its heading, not by its number: snmp gets
    another one (IcmpMsg) with the first ICMP message. Names within a line are fixed while a kernel
    runs, and no heading is in two files.
    """

    def __init__(self, descriptors: Mapping[str, int], names: Sequence[str]) -> None:
        places: dict[str, tuple[int, bytes, int]] = {}
        for file, descriptor in descriptors.items():
            lines = os.pread(descriptor, _LONGEST, 0).split(b"\n")
            for name, (heading, word) in _places(file, lines).items():
                places[name] = (descriptor, heading, word)
        self._lines: dict[int, dict[bytes, int]] = {}  # descriptor → start of a line → last word
        for descriptor, heading, word in (places[name] for name in names if name in places):
            wanted = self._lines.setdefault(descriptor, {})
            wanted[_start(heading)] = max(word, wanted.get(_start(heading), 0))
        found = (places.get(name) for name in names)
        self._places = [place and (_start(place[1]), place[2]) for place in found]

    def read(self) -> list[int]:
        """Return the counters now, in the order of the names; 0 where this kernel has none."""
        words = {}
        for descriptor, lines in self._lines.items():
            data = os.pread(descriptor, _LONGEST, 0)
            for start, last in lines.items():
                # Of a line of names and one of values, the values are last; -1 is the first line.
                at = data.rfind(start) + 1
                words[start] = data[at : data.find(b"\n", at)].split(None, last + 1)
        return [int(words[place[0]][place[1]]) if place else 0 for place in self._places]


def _start(heading: bytes) -> bytes:
    return b"\n" + heading + b":"


def _places(file: str, lines: list[bytes]) -> dict[str, tuple[bytes, int]]:
    """Return counter → (heading, word), by reading the file as the parsers below do."""
    places = {}
    if file == "sockstat":
        for line in lines:
            heading, *words = line.decode().split() or [""]
            for position, name in enumerate(words[::2]):
                place = (heading[:-1].encode(), 2 * position + 2)
                places[f"sockstat.{heading[:-1]}.{name}"] = place
        return places
    for line in lines[: len(lines) - 1 : 2]:
        heading, *names = line.decode().split()
        for position, name in enumerate(names, 1):
            places[f"{heading[:-1]}.{name}"] = (heading[:-1].encode(), position)
    return places


def parse_sockstat(text: str) -> dict[str, int]:
    """Return `sockstat.TCP.tw` and its like.

    >>> parse_sockstat("sockets: used 1\\nTCP: inuse 0 orphan 0 tw 7 alloc 3 mem 1\\n")[
    ...     "sockstat.TCP.tw"]
    7
    """
    counters = {}
    for line in text.splitlines():
        heading, _, rest = line.partition(":")
        words = rest.split()
        for name, value in zip(words[::2], words[1::2], strict=True):
            counters[f"sockstat.{heading}.{name}"] = int(value)
    return counters


def parse_pairs(text: str) -> dict[str, int]:
    """Return `Tcp.ActiveOpens`, `TcpExt.TW` and their like from a line of names and one of values.

    >>> parse_pairs("Tcp: ActiveOpens MaxConn\\nTcp: 12 -1\\n")
    {'Tcp.ActiveOpens': 12, 'Tcp.MaxConn': -1}
    """
    counters = {}
    lines = text.splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        heading, *rest = names.split()
        for name, value in zip(rest, values.split()[1:], strict=True):
            counters[f"{heading}{name}".replace(":", ".")] = int(value)
    return counters
