"""What a scenario expects, as people write it: `c == TIME_WAIT`, `server.CLOSE_WAIT >= 1000`."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from tw_bench.units import parse_duration

SIDES = ("client", "nat", "server")
STATES = (  # RFC 9293 section 3.3.2; Linux calls SYN-RECEIVED so
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT_1",
    "FIN_WAIT_2",
    "TIME_WAIT",
    "CLOSED",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
)
KINDS = ("SYN", "SYN_ACK", "ACK", "DATA", "FIN", "RST")  # of segments
PATH = "path"  # the states of a name so far, in order
_ANSWERS = ("errno", "count", "took", "tries")  # of what was done last under a name
CALL = "call"  # of a name: how long connect() took, the median of all
_CONNTRACK = (  # enum tcp_conntrack: what it makes of the segments that it saw
    *("SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK"),
    *("TIME_WAIT", "CLOSE", "SYN_SENT2"),
)
LEFT = "left"  # of a conntrack: how long its last entry will stay
_OF_MANY = ("Tcp", "TcpExt", "sockstat", "sysctl")  # of a side: a name follows
_SLAB = ("objects", "bytes")  # of a slab of the kernel: how many, and how large each is

Op = Literal["==", "!=", "<", "<=", ">", ">="]
_EXPECTATION = re.compile(
    r"(?P<subject>[A-Za-z0-9_.+-]+)\s*(?P<op>[=!<>]=|[<>])\s*(?P<value>[^\s*]+|[\d.]+ ?\* ?\S+)"
)
_WANT = (
    "want such as c == TIME_WAIT, c.TIME_WAIT >= 60s, door.errno == EADDRINUSE, "
    "server.CLOSE_WAIT >= 100, client.TcpExt.PAWSEstab == 1 or server.sent.FIN > 1"
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """A subject, a comparison and a value.

    The subject is a name or a side, and what of it: of a name its state, the time it spent in a
    state, or the answer to what was done last; of a side sockets in a state, counters, segments.
    """

    subject: tuple[str, ...]
    op: Op
    value: str | float  # a state or an errno; a number, or seconds
    text: str
    times: tuple[str, ...] = ()  # the value is so many times what this other subject is

    @property
    def owner(self) -> str:
        """The name, or the side."""
        return self.subject[0]

    @property
    def what(self) -> str:
        """What of it; nothing: the state of a name."""
        return ".".join(self.subject[1:])

    def holds(self, observed: str | float) -> bool:
        """Whether what was observed is as expected; a word is no number, and not less or more."""
        if isinstance(observed, str) or isinstance(self.value, str):
            is_same = observed == self.value
            return is_same if self.op == "==" else self.op == "!=" and not is_same
        return {
            "==": observed == self.value,
            "!=": observed != self.value,
            "<": observed < self.value,
            "<=": observed <= self.value,
            ">": observed > self.value,
            ">=": observed >= self.value,
        }[self.op]

    def __str__(self) -> str:
        return self.text


def parse(text: object) -> Expectation:
    """Return an expectation.

    >>> parse("c == TIME_WAIT").subject, parse("c.TIME_WAIT >= 60s").value
    (('c',), 60.0)
    >>> parse("server.CLOSE_WAIT > 3").holds(4.0)
    True
    """
    match = _EXPECTATION.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(_WANT)
    owner, *what = match["subject"].split(".")
    op: Any = match["op"]
    factor, _, other = match["value"].replace(" ", "").rpartition("*")
    if factor:
        return _compared((owner, *what), op, factor, other)
    value = _value(owner, what, match["value"])
    if isinstance(value, str) and op not in ("==", "!="):
        raise ValueError(f"compares a word: want == or !=, not {op}")
    words = f"{match['subject']} {op} {match['value']}"
    return Expectation((owner, *what), op, value, words)


def _compared(subject: tuple[str, ...], op: Op, factor: str, other: str) -> Expectation:
    """Return what compares one call with another, as a.call <= 3*b.call."""
    name, _, what = other.partition(".")
    if subject[1:] != (CALL,) or what != CALL:
        raise ValueError("compares one with another: want such as late.call > 3*early.call")
    words = f"{'.'.join(subject)} {op} {factor}*{other}"
    return Expectation(subject, op, _number(factor), words, times=(name, what))


def _value(owner: str, what: list[str], text: str) -> str | float:
    """Return a state, an errno, a number or seconds, as the subject has it."""
    head = what[0] if what else ""
    if owner in SIDES:
        _check_of_side(what)
        if head == "sysctl" and re.fullmatch(r"E[A-Z0-9]+", text):
            return text  # what reading it ends with
        return _seconds(text) if what == ["conntrack", LEFT] else _number(text)
    if not what:
        return _one_of(text, STATES, "a state")
    if head == "errno":
        if not re.fullmatch(r"ok|timeout|early_eof|E[A-Z0-9]+", text):
            raise ValueError("want ok, timeout, early_eof or an errno such as EADDRINUSE")
        return text
    if head == PATH:
        return ",".join(_one_of(state, STATES, "states, as A,B") for state in text.split(","))
    if head in ("took", CALL) or head in STATES:
        return _seconds(text)
    _one_of(head, (*_ANSWERS, CALL, PATH, *STATES), f"{owner}.")
    return _number(text)


def _check_of_side(what: list[str]) -> None:
    head = what[0] if what else ""
    if head == "sent":
        _one_of(".".join(what[1:]), KINDS, "a kind of segment")
    elif head == "conntrack" and what[1:]:
        _one_of(".".join(what[1:]), (*_CONNTRACK, LEFT), "of conntrack a state of an entry")
    elif head == "slab":
        _one_of(what[-1] if len(what) == 3 else "", _SLAB, "of a slab such as slab.TCP")
    elif (head in _OF_MANY) != bool(what[1:]) or head not in (*_OF_MANY, "conntrack", *STATES):
        raise ValueError(
            "of a side want a state, sent.KIND, sysctl.NAME, conntrack, slab.NAME.bytes, or a "
            "counter: Tcp., TcpExt., sockstat."
        )


def _seconds(text: str) -> float:
    if not text.endswith("tw"):
        with suppress(ValueError):
            return parse_duration(text)[0]
    raise ValueError("want a duration such as 60s")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("want a number") from None


def _one_of(text: str, words: tuple[str, ...], what: str) -> str:
    if text not in words:
        raise ValueError(f"want {what}, one of {', '.join(words)}")
    return text


ExpectationField = Annotated[
    Expectation,
    BeforeValidator(parse),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["c == TIME_WAIT", "c.TIME_WAIT >= 60s"]}),
]
