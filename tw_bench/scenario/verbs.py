"""What each verb of a scenario does: a function a verb, found by its name.

A verb returns what came of it, or nothing where nothing can fail. A call that ends otherwise than
the step says is a check that failed, and not an error of the program.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tw_bench.profile import scenario_steps as steps
from tw_bench.scenario.stage import Answer, Stage

Verb = Callable[[Stage, Any], Awaitable[Answer | None]]

_ANY = {4: "0.0.0.0", 6: "::"}
_KIND = {False: "tcp", True: "udp"}


async def bind(stage: Stage, asked: steps.Bind) -> Answer:
    """bind() on a side."""
    local = _local(stage, asked)
    answer = await stage.act(asked.on, "bind", kind=_KIND[asked.udp], **local)
    return _noted(stage, asked.name, asked.on, answer)


async def listen(stage: Stage, asked: steps.Listen) -> Answer:
    """bind() and listen() on a side, or listen() alone."""
    retry_s, local = asked.retry.number, _local(stage, asked)
    answer = await stage.act(
        asked.on, "listen", retry_s, retry_s=retry_s, backlog=asked.backlog, **local
    )
    return _noted(stage, asked.name, asked.on, answer)


async def connect(stage: Stage, asked: steps.Connect) -> Answer:
    """connect() from a side, of one socket or of many."""
    within_s = asked.within.number
    source = "" if asked.source is None else stage.address(asked.on, asked.source)
    answer = await stage.act(
        asked.on,
        "connect",
        within_s,
        name=asked.name,
        to=stage.address(asked.to, asked.address),
        port=asked.port,
        count=asked.count,
        at_once=asked.at_once or 0,
        within_s=within_s,
        wait=asked.wait,
        kind=_KIND[asked.udp],
        source=source,
        from_port=asked.from_port or 0,
        own_range=_own_range(asked),
        reuse_address=asked.reuse_address,
    )
    return _noted(stage, asked.name, asked.on, answer)


async def accept(stage: Stage, asked: steps.Accept) -> Answer:
    """accept() at a door."""
    side, within_s = stage.homes[asked.door], asked.within.number
    answer = await stage.act(
        side,
        "accept",
        within_s,
        name=asked.name,
        door=asked.door,
        count=asked.count,
        within_s=within_s,
    )
    return _noted(stage, asked.name, side, answer)


async def fill(stage: Stage, asked: steps.Fill) -> Answer:
    """Connections that leave TIME_WAIT behind."""
    side, within_s = stage.homes[asked.door], asked.within.number
    leaving, seen_off = await asyncio.gather(
        stage.act(
            asked.on,
            "leave",
            within_s,
            to=stage.address(side),
            port=asked.port,
            count=asked.count,
            own_range=_own_range(asked),
            within_s=within_s,
        ),
        stage.act(side, "see_off", within_s, door=asked.door, count=asked.count, within_s=within_s),
    )
    return leaving if leaving["errno"] != "ok" else seen_off


async def send(stage: Stage, asked: steps.Transfer) -> Answer:
    """send()."""
    return await _transfer(stage, "send", asked, 10 if asked.bytes is None else asked.bytes)


async def receive(stage: Stage, asked: steps.Transfer) -> Answer:
    """recv(), so many bytes or to the end of the stream."""
    return await _transfer(stage, "receive", asked, asked.bytes or 0)


async def shutdown(stage: Stage, asked: str) -> Answer:
    """shutdown(SHUT_WR)."""
    return _answered(stage, asked, await stage.act(stage.homes[asked], "shutdown", name=asked))


async def close(stage: Stage, asked: steps.Close) -> Answer:
    """close(), by a FIN or an RST."""
    side = stage.homes[asked.name]
    answer = await stage.act(side, "close", name=asked.name, reset=asked.rst)
    return _answered(stage, asked.name, answer)


async def kill(stage: Stage, asked: str) -> None:
    """SIGKILL for the process of a side: the kernel closes what it had open."""
    await stage.kill(asked)


async def limit(stage: Stage, asked: steps.Limit) -> Answer:
    """setrlimit(RLIMIT_NOFILE)."""
    return await stage.act(asked.on, "limit", open_files=asked.open_files)


async def drop(stage: Stage, asked: steps.Lose | str) -> None:
    """The wire loses segments, or nothing any more."""
    if isinstance(asked, str):
        await stage.ask("pass")
        return
    await stage.ask("rule", sender=asked.by, kinds=list(asked.kinds), then="drop", left=asked.count)


async def hold(stage: Stage, asked: steps.Hold) -> None:
    """The wire keeps segments back."""
    kinds = list(asked.kinds)
    await stage.ask(
        "rule", sender=asked.by, kinds=kinds, then="hold", left=asked.count, name=asked.name
    )


async def release(stage: Stage, asked: str) -> Answer:
    """What the wire kept back goes on."""
    return _happened(await stage.ask("release", name=asked), "nothing was held")


async def replay(stage: Stage, asked: steps.Replay) -> Answer:
    """A segment is delivered once more."""
    done = await stage.ask("replay", sender=asked.by, kind=asked.kind)
    return _happened(done, f"the {asked.by} sent no {asked.kind}")


async def inject(stage: Stage, asked: steps.Inject) -> Answer:
    """A segment is delivered that nobody sent."""
    side, connection = stage.connection(asked.by)
    done = await stage.ask(
        "inject",
        sender=side,
        connection=connection,
        from_port=asked.from_port,
        kind=asked.kind,
        seq=asked.seq,
        ack=asked.ack,
        timestamp=asked.timestamp,
    )
    return _happened(done, f"{asked.by} sent nothing")


async def destroy(stage: Stage, asked: str) -> Answer:
    """The kernel drops a socket."""
    side = stage.homes[asked]
    why = ""
    for connection in stage.connections[asked]:
        why = why or await stage.ask("destroy", side=side, connection=connection)
    return {"errno": why or "ok"}


async def sysctl(stage: Stage, asked: steps.SetSysctl) -> Answer:
    """A sysctl of a side's namespace."""
    path = f"/proc/sys/{asked.name.replace('.', '/')}"
    return await stage.act(asked.on, "write", path=path, text=str(asked.value))


async def wait(stage: Stage, asked: Any) -> None:
    """Nothing is done for a while."""
    await asyncio.sleep(asked.number)


async def _transfer(stage: Stage, do: str, asked: steps.Transfer, size: int) -> Answer:
    side, within_s = stage.homes[asked.name], asked.within.number
    answer = await stage.act(side, do, within_s, name=asked.name, size=size, within_s=within_s)
    return _answered(stage, asked.name, answer)


def _local(stage: Stage, asked: steps.Bind | steps.Listen) -> dict[str, Any]:
    """Return what is bound, to what, and how."""
    own = stage.address(asked.on, 2 if asked.address == "other" else 1)
    return {
        "name": asked.name,
        "address": _ANY[6 if ":" in own else 4] if asked.address == "any" else own,
        "port": asked.port,
        "reuse_address": asked.reuse_address,
        "reuse_port": asked.reuse_port,
    }


def _noted(stage: Stage, name: str, side: str, answer: Answer) -> Answer:
    """Note where a name's sockets are, and their four-tuples."""
    stage.homes[name] = side
    stage.connections[name] = [tuple(each) for each in answer.pop("connections", [])]
    return _answered(stage, name, answer)


def _own_range(asked: steps.Connect | steps.Fill) -> list[int]:
    """Return both ends of IP_LOCAL_PORT_RANGE, or nothing."""
    return [asked.own_range.low, asked.own_range.high] if asked.own_range else []


def _answered(stage: Stage, name: str, answer: Answer) -> Answer:
    stage.answers[name] = answer
    return answer


def _happened(done: object, otherwise: str) -> Answer:
    return {"errno": "ok" if done else otherwise}


VERBS: dict[str, Verb] = {name: globals()[name] for name in steps.VERBS if name != "expect"}
