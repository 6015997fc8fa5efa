"""What is observed for an expectation: a state, a time, a count, by asking the witness."""

import time
from dataclasses import replace

from tw_bench.errors import HostError, LabError
from tw_bench.profile.expectations import CALL, LEFT, PATH, SIDES, STATES, Expectation
from tw_bench.scenario.stage import Stage

Observed = str | float
_CONNTRACK = "/proc/sys/net/netfilter/nf_conntrack_count"
_SLABS = "/proc/slabinfo"


async def observe(stage: Stage, expectation: Expectation) -> Observed:
    """Return what the subject of an expectation is now: a word, a number, or seconds."""
    owner, what = expectation.owner, expectation.what
    if owner in SIDES:
        return await _of_side(stage, owner, what)
    if what in STATES:
        return await _time_in(stage, owner, what)
    if what == PATH:
        return ",".join(state for _, state in await _changes(stage, owner))
    if what:
        return _of_answer(stage, owner, what)
    states = await _states(stage, owner)
    return states[0] if len(set(states)) == 1 else ", ".join(sorted(set(states))) or "CLOSED"


async def settled(stage: Stage, expectation: Expectation) -> Expectation:
    """Return an expectation that compares with a number, where it compared with a subject."""
    if not expectation.times:
        return expectation
    name, *what = expectation.times
    reference = _of_answer(stage, name, ".".join(what))
    assert isinstance(reference, float)
    assert isinstance(expectation.value, float)
    return replace(expectation, value=expectation.value * reference, times=())


async def _states(stage: Stage, name: str) -> list[str]:
    side = stage.homes[name]
    wanted = [[side, connection] for connection in stage.connections[name]]
    states: list[str] = await stage.ask("states", of=wanted)
    if "" in states:
        raise _unlisted(name)
    return states


async def _of_side(stage: Stage, side: str, what: str) -> Observed:
    head, _, rest = what.partition(".")
    if head in STATES:
        return float((await stage.ask("counts"))[side].get(head, 0))
    if head == "sent":
        sent = {(who, kind): count for who, kind, count in await stage.ask("sent")}
        return float(sent.get((side, rest), 0))
    if head == "conntrack":
        return await _of_conntrack(stage, side, rest)
    if head == "sysctl":
        answer = await stage.act(side, "read", path=f"/proc/sys/{rest.replace('.', '/')}")
        return _number(answer["text"]) if answer["errno"] == "ok" else str(answer["errno"])
    if head == "slab":
        return await _of_slab(stage, side, *rest.rsplit(".", 1))
    return float(stage.counter(side, what))


async def _of_conntrack(stage: Stage, side: str, what: str) -> float:
    """Return the number of its entries, those in a state, or the seconds that the last has left."""
    if not what:
        text = (await stage.act(side, "read", path=_CONNTRACK))["text"]
        return float(text or 0)
    answer = await stage.act(side, "conntrack")
    if answer["errno"] != "ok":
        raise LabError(f"{side}.conntrack.{what}: {answer['errno']}")
    if what == LEFT:
        return float(max((left_s for _, left_s in answer["entries"]), default=0))
    return float(sum(state == what for state, _ in answer["entries"]))


async def _of_slab(stage: Stage, side: str, name: str, what: str) -> float:
    """Return how many objects are in use in a slab of the kernel, or the size of one."""
    answer = await stage.act(side, "read", path=_SLABS)
    if answer["errno"] != "ok":
        raise HostError(f"{_SLABS}: {answer['errno']}: it is for root alone: sudo tw-bench run")
    for line in answer["text"].splitlines():
        words = line.split()  # name, objects in use, all objects, bytes of one: slabinfo(5)
        if words[0] == name:
            return float(words[1 if what == "objects" else 3])
    raise LabError(f"{_SLABS}: this kernel has no slab of its own called {name}")


def _number(text: str) -> Observed:
    """Return what a sysctl says: a number where it is one."""
    word = text.strip()
    return float(word) if word.lstrip("-").isdigit() else word


async def _time_in(stage: Stage, name: str, state: str) -> float:
    """Return for how long the first socket of a name was in a state, until now at the longest."""
    changes = await _changes(stage, name)
    ends = [*(at_ns for at_ns, _ in changes[1:]), time.monotonic_ns()]
    spent = (end - at for (at, now), end in zip(changes, ends, strict=False) if now == state)
    return float(sum(spent) / 1e9)


async def _changes(stage: Stage, name: str) -> list[tuple[int, str]]:
    """Return when the first socket of a name came into which state."""
    side, connection = stage.connection(name)
    changes: list[tuple[int, str]] | None
    changes = await stage.ask("changes", side=side, connection=connection)
    if changes is None:
        raise _unlisted(name)
    return changes


def _unlisted(name: str) -> LabError:
    return LabError(
        f"{name}: nobody knows its state: its side has too many TIME_WAIT to list: want a count, "
        "such as client.TIME_WAIT"
    )


def _of_answer(stage: Stage, name: str, what: str) -> Observed:
    answer = stage.answers[name]
    key = {"took": "took_s", CALL: "call_s"}.get(what, what)
    if key not in answer:
        raise LabError(f"{name}.{what}: nothing that was done with it says so")
    value = answer[key]
    return value if isinstance(value, str) else float(value)
