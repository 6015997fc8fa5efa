"""How a scenario's story deals with time, and with what goes wrong in one of its steps."""

import asyncio
import time
from typing import Any

import pytest

from tw_bench.errors import HostError
from tw_bench.profile.scenario import read_scenario
from tw_bench.results.played import Played
from tw_bench.scenario import play
from tw_bench.scenario.play import Play

TEXT = """title: x
claim: x.
steps:
  - expect: server.LISTEN == 1
    within: 50ms
"""


class NoStage:
    """A stage on which nothing is; each look at it does what it is told."""

    begun_ns = 1
    elapsed_s = 0.0

    def __init__(self, *_: Any) -> None:
        self.homes: dict[str, str] = {}
        self.connections: dict[str, list[Any]] = {}

    async def open(self, *_: Any) -> None:
        """Build nothing."""

    async def ask(self, do: str) -> Any:
        """Report nothing."""
        return {"segments": [], "changes": [], "left_out": {"segments": 0, "changes": 0}}


def played(monkeypatch: pytest.MonkeyPatch, folder: Any, look: Any) -> Played:
    """Return what came of a scenario whose looks are these."""
    path = folder / "x.yaml"
    path.write_text(TEXT)
    monkeypatch.setattr(play, "Stage", NoStage)
    monkeypatch.setattr(play, "observe", look)
    story: Any = Play(read_scenario(path), folder / "out", "6.1")
    done: Played = asyncio.run(story.play(None))
    return done


def test_it_gives_up_only_after_a_look_that_began_too_late(monkeypatch, tmp_path):
    """A look that had to wait for its turn tells what was; the one after it, what is."""
    answers = iter((0.0, 1.0))

    async def look(*_: Any) -> float:
        answer = next(answers)
        time.sleep(0.1)  # noqa: ASYNC251 - the loop is held up, as by another scenario
        return answer

    result = played(monkeypatch, tmp_path, look)
    assert result.verdict == "as claimed"
    assert result.checks[0].observed == "1"


def test_a_fault_in_a_step_costs_one_scenario(monkeypatch, tmp_path):
    """It is an error with its words, in a folder that is complete."""

    async def look(*_: Any) -> float:
        raise ZeroDivisionError("so it is")

    result = played(monkeypatch, tmp_path, look)
    assert (result.verdict, result.error) == ("not played", "ZeroDivisionError: so it is")
    assert (tmp_path / "out" / "scenario.json").exists()
    assert (tmp_path / "out" / "segments.csv").exists()


def test_what_only_root_can_see_is_no_failure(monkeypatch, tmp_path):
    """A verdict of its own."""

    async def look(*_: Any) -> float:
        raise HostError("/proc/slabinfo: EACCES: it is for root alone")

    assert played(monkeypatch, tmp_path, look).verdict == "needs root"
