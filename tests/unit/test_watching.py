"""What an expectation's subject is made of, where it is read as a file or told by an actor."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from tw_bench.errors import HostError, LabError
from tw_bench.profile.expectations import parse
from tw_bench.scenario.watching import observe, settled

if TYPE_CHECKING:
    from tw_bench.scenario.stage import Stage

SLABS = """slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>
tw_sock_TCPv6        128    128    256   16    1 : tunables    0    0    0
tw_sock_TCP          144    160    256   16    1 : tunables    0    0    0
"""


class OneAnswer:
    """A stage whose actors say one thing, and on which one call was made before."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answers = {"early": {"errno": "ok", "call_s": 2e-5}}
        self._answer = answer

    async def act(self, side: str, do: str, **asked: Any) -> dict[str, Any]:
        """Return it, whatever is asked."""
        return self._answer


def seen(text: str, answer: dict[str, Any]) -> str | float:
    """Return what is observed for an expectation."""
    return asyncio.run(observe(cast("Stage", OneAnswer(answer)), parse(text)))


@pytest.mark.parametrize(
    ("text", "answer", "observed"),
    [
        ("client.slab.tw_sock_TCP.objects == 1", {"errno": "ok", "text": SLABS}, 144.0),
        ("client.slab.tw_sock_TCPv6.bytes == 1", {"errno": "ok", "text": SLABS}, 256.0),
        ("nat.sysctl.net.x == 1", {"errno": "ok", "text": "120\n"}, 120.0),
        ("nat.sysctl.net.x == 1", {"errno": "ok", "text": "cubic\n"}, "cubic"),
        ("nat.sysctl.net.x == ENOENT", {"errno": "ENOENT", "text": ""}, "ENOENT"),
        ("nat.conntrack == 1", {"errno": "ok", "text": "7\n"}, 7.0),
        ("nat.conntrack.CLOSE == 1", {"errno": "ok", "entries": [["CLOSE", 9]] * 3}, 3.0),
        ("nat.conntrack.left > 1s", {"errno": "ok", "entries": [["CLOSE", 9], ["X", 60]]}, 60.0),
        ("nat.conntrack.left > 1s", {"errno": "ok", "entries": []}, 0.0),
    ],
)
def test_what_is_observed(text, answer, observed):
    """A number where it is one, else the word that was found."""
    assert seen(text, answer) == observed


@pytest.mark.parametrize(
    ("text", "answer", "words"),
    [
        (
            "client.slab.TCP.bytes > 1",
            {"errno": "EACCES", "text": ""},
            "/proc/slabinfo: EACCES: it is for root alone",
        ),
        ("client.slab.TCP.bytes > 1", {"errno": "ok", "text": SLABS}, "no slab of its own called"),
        ("nat.conntrack.CLOSE == 1", {"errno": "EPERM", "entries": []}, "nat.conntrack.CLOSE: EPE"),
    ],
)
def test_what_cannot_be_observed(text, answer, words):
    """It is not played, and says why: what nobody saw is no verdict."""
    with pytest.raises((LabError, HostError), match=words):
        seen(text, answer)


def test_a_call_is_compared_with_what_another_took():
    """Three times 20 µs are 60."""
    stage = cast("Stage", OneAnswer({}))
    expectation = asyncio.run(settled(stage, parse("late.call <= 3*early.call")))
    assert expectation.holds(59e-6)
    assert not expectation.holds(61e-6)
    stage.answers["early"] = {"errno": "EADDRINUSE"}
    with pytest.raises(LabError, match="nothing that was done with it"):
        asyncio.run(settled(stage, parse("late.call <= 3*early.call")))
