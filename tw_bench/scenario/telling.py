"""What a step is in words, and where it happens: for the picture. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from tw_bench.profile.expectations import SIDES
from tw_bench.profile.scenario_steps import Step

_SENT = 10  # bytes, where a step says nothing: scenario/verbs.py


def tell(step: Step, homes: Mapping[str, str], before: Sequence[Step] = ()) -> tuple[str, str, str]:
    """Return the side of a step, the name of its sockets, and its call: each may be empty.

    Args:
        step: what is done.
        homes: name → the side of its sockets, so far.
        before: the steps before it, for those that undo one.
    """
    asked = step.asked
    name = asked if isinstance(asked, str) else getattr(asked, "name", "")
    if step.verb == "expect":
        name = "" if asked[0].owner in SIDES else asked[0].owner
        return homes.get(name, asked[0].owner if not name else ""), name, ""
    side = getattr(asked, "on", "") or _wire_side(step, before)
    if step.verb in ("inject", "accept"):
        side = homes.get(asked.by if step.verb == "inject" else asked.door, "")
    elif step.verb == "kill":
        side = asked
    of_socket = step.verb not in ("kill", "drop", "hold", "release", "replay", "sysctl", "inject")
    call = _call(step.verb, asked)
    if step.verb == "listen" and any(e.verb == "bind" and e.asked.name == name for e in before):
        call = "listen()"
    return side or homes.get(name, ""), name if of_socket else "", call


def _wire_side(step: Step, before: Sequence[Step]) -> str:
    """Return whose segments the wire is told of."""
    if step.verb in ("hold", "replay") or (step.verb == "drop" and step.asked != "nothing"):
        return str(step.asked.by)
    if step.verb == "drop":
        own = [each.asked.by for each in before if each.verb == "drop" and each.asked != "nothing"]
        return own[-1] if own else ""
    if step.verb == "release":
        held = [each.asked for each in before if each.verb == "hold"]
        return next((each.by for each in held if each.name == step.asked), "")
    return ""


def _call(verb: str, asked: Any) -> str:
    count = getattr(asked, "count", 1)
    times = f" × {count:,}" if verb in ("connect", "accept") and count > 1 else ""
    plain = {
        "bind": "bind()",
        "listen": "bind(), listen()",
        "connect": "connect()",
        "accept": "accept()",
        "receive": "recv()",
        "shutdown": "shutdown(SHUT_WR)",
        "close": "close()",
        "kill": "SIGKILL",
        "release": "wire: lets them go on",
        "destroy": "SOCK_DESTROY",
        "wait": "",
    }
    if verb in plain:
        return _with_options(verb, asked, plain[verb]) + times
    if verb == "fill":
        return f"{asked.count:,} × connect(), close()"
    if verb == "send":
        return f"send() {_SENT if asked.bytes is None else asked.bytes:,} bytes"
    if verb == "limit":
        return f"setrlimit(): {asked.open_files:,} files"
    if verb == "sysctl":
        return f"{asked.name.rpartition('.')[2]} = {asked.value}"
    return _on_the_wire(verb, asked)


def _with_options(verb: str, asked: Any, call: str) -> str:
    """Return a call with what is not as always."""
    if verb in ("bind", "listen"):
        call += ", SO_REUSEPORT" if asked.reuse_port else ""
        return call if asked.reuse_address else f"{call} without SO_REUSEADDR"
    return f"SO_LINGER 0, {call}" if verb == "close" and asked.rst else call


def _on_the_wire(verb: str, asked: Any) -> str:
    """Return what the wire is told to do with segments."""
    if asked == "nothing":
        return "wire: loses nothing more"
    if verb in ("drop", "hold"):
        kinds = " or ".join(kind.replace("_", ", ") for kind in asked.kinds)
        what = kinds or "everything" if asked.count is None else f"{asked.count} {kinds}".strip()
        return f"wire: {'loses' if verb == 'drop' else 'keeps back'} {what}"
    if verb in ("replay", "inject"):
        return f"wire: {'repeats' if verb == 'replay' else 'makes up'} {asked.kind}"
    return verb  # one that has no words here yet
