"""Addresses that a scenario speaks of, and that its lab does not have. Pure."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tw_bench.profile.scenario_steps import Step

if TYPE_CHECKING:
    from tw_bench.profile.scenario import ScenarioLab

_COUNTS = {"client": "sources", "server": "destinations"}  # lab.…: addresses of a side


def wrong_addresses(step: Step, lab: "ScenarioLab") -> Iterator[str]:
    """Yield what a step says of an address that is not there."""
    asked = step.asked
    if step.verb in ("bind", "listen") and asked.address == "other":
        yield from _beyond(lab, asked.on, 2, "address: other")
    if step.verb == "connect":
        yield from _beyond(lab, asked.to, asked.address, f"address: {asked.address}")
        yield from _beyond(lab, asked.on, asked.source or 1, f"source: {asked.source}")


def _beyond(lab: "ScenarioLab", side: str, number: int, what: str) -> Iterator[str]:
    name = _COUNTS.get(side)
    has = 1 if name is None else getattr(lab, name)
    if number > has:
        want = f"want lab.{name}: {number}" if name else "want that one"
        yield f"{what}: the {side} has {has} address{'es' if has > 1 else ''}: {want}"
