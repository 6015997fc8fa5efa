"""What one worker can do: a short closed loop in a lab without a limit, against our own target.

The worker's ceiling is transactions / its processor time: what it would offer with a processor to
itself. The rate that went through meanwhile is kept beside it: where the target, which shares the
machine, is slower than the worker, that is less.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from tw_bench.calibration import cache
from tw_bench.errors import TwBenchError, WorkerError
from tw_bench.lab.lab import KeeperLink, Lab, keeper, lab
from tw_bench.lab.topology import topology
from tw_bench.load.fleet import Fleet
from tw_bench.load.specs import worker_specs
from tw_bench.plan.ceilings import Ceiling, Kind, kinds
from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.prediction import Prediction, predict
from tw_bench.profile.model import Point
from tw_bench.results.outcomes import OK, decode
from tw_bench.results.run_folder import utc_now
from tw_bench.results.tally import NS_PER_S, Tally
from tw_bench.targets.base import Place
from tw_bench.targets.embedded import Embedded

_TIMES = 2  # the better one counts: others may be busy on this machine
_RELEASE_NS = 10_000_000


def calibrate(
    points: Sequence[Point],
    facts: HostFacts,
    *,
    again: bool = False,
    tell: Callable[[str], None] = lambda name: None,
) -> tuple[HostFacts, str | None]:
    """Return the facts with the ceilings that the points need, and why one of them is unknown.

    What was measured on this host before is taken from the cache, unless it is to be done again;
    the rest takes less than 2 s a kind. `tell` is given the name of each kind that is measured.
    A run goes on without: nothing is raised.
    """
    wanted = {kind.name: kind for point in points for kind, _ in kinds(point)}
    known = cache.load(facts)
    found = {} if again else {name: known[name] for name in wanted if name in known}
    missing = [kind for name, kind in wanted.items() if name not in found]
    trouble = None
    try:
        for kind in missing:
            tell(kind.name)
            found[kind.name] = measure(kind, facts)
    except (TwBenchError, OSError) as error:
        trouble = str(error)
    if missing:
        cache.save(facts, known | found)
    return replace(facts, ceilings=found), trouble


def measure(kind: Kind, facts: HostFacts) -> Ceiling:
    """Return the ceiling of one kind of transaction on this host; less than 2 s.

    Raises:
        TwBenchError: there is no lab, or something went wrong in it.
    """
    with keeper(isolated=True) as link:
        return asyncio.run(_measure(kind, facts, link))


async def _measure(kind: Kind, facts: HostFacts, link: KeeperLink) -> Ceiling:
    point, prediction = kind.point, predict(kind.point, facts)
    sides = topology(point)
    called = [(ip, point.target_port) for ip in sides.side("server").ips]
    # It writes nothing, so that any folder will do.
    place = Place(side="server", listen=called, upstreams=[], folder=Path())
    found: list[Ceiling] = []
    async with AsyncExitStack() as stack:
        for number in range(_TIMES):  # each in a lab of its own: no TIME_WAIT of the one before
            built = await stack.enter_async_context(lab(f"{point.id} {number}", sides, link))
            target = Embedded(point, place)
            stack.push_async_callback(target.stop)
            await target.start(built.spawn)
            found.append(await _once(kind, prediction, built, called))
    return max(found, key=lambda ceiling: ceiling.per_s)


async def _once(
    kind: Kind, prediction: Prediction, built: Lab, called: list[tuple[str, int]]
) -> Ceiling:
    frames: list[tuple[dict[str, Any], bytes]] = []
    specs = worker_specs(kind.point, prediction, [], called)
    fleet = Fleet(
        f"calibration: {kind.name}", specs, lambda worker, head, rows: frames.append((head, rows))
    )
    try:
        await fleet.start(built.spawn)
        start_ns = time.monotonic_ns() + _RELEASE_NS
        await fleet.run(start_ns)
    finally:
        await fleet.stop()
    fill_ns, window_ns = (
        round(seconds * NS_PER_S) for seconds in (prediction.fill_s, prediction.window_s)
    )
    tally = Tally(kind.name, start_ns, start_ns + fill_ns, start_ns + fill_ns + window_ns)
    for head, rows in frames:
        if not head.get("end"):
            tally.add_frame(0, head, rows)
    return _ceiling(kind, tally, prediction.window_s)


def _ceiling(kind: Kind, tally: Tally, window_s: float) -> Ceiling:
    worker, done = tally.workers.get(0), tally.outcomes[OK]
    for code, count in tally.outcomes.items():
        if code > OK and count:  # refused, or worse; a slot that was not tried costs nothing
            end = decode(code)
            raise WorkerError(
                f"calibration: {kind.name}: {count:,} did not end well ({end.phase} {end.reason})"
            )
    if worker is None or worker.cpu_ns <= 0 or not done:
        raise WorkerError(f"calibration: {kind.name}: nothing was done")
    return Ceiling(
        per_s=done * NS_PER_S / worker.cpu_ns,
        reached_per_s=tally.in_window[OK] / window_s,
        cpu=worker.cpu_ns / (worker.at_ns - tally.start_ns),
        measured_at=utc_now(),
    )
