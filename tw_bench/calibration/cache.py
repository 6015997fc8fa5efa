"""Ceilings that were measured on this host before, in a file of JSON under the user's cache.

The file may be deleted at any time. One that cannot be read is as good as none, and one that
cannot be written costs the next run a second: neither is a reason to fail.
"""

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from tw_bench.plan.ceilings import Ceiling
from tw_bench.plan.host_facts import HostFacts

_VERSION = 1  # of the calibration: what is measured, and how
_FILE = "ceilings.json"
_MOST_HOSTS = 20  # the latest are kept: a home that many machines share


def path() -> Path:
    """Return where ceilings are kept: $XDG_CACHE_HOME/tw-bench, ~/.cache/tw-bench by default.

    XDG Base Directory Specification: a relative path is to be ignored.
    """
    asked = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = asked if asked.is_absolute() else Path("~/.cache").expanduser()
    return base / "tw-bench" / _FILE


def load(facts: HostFacts) -> dict[str, Ceiling]:
    """Return the ceilings of this host by kind, as far as they are known."""
    kept = _read().get(_host_key(facts), {})
    return dict(_valid(kept)) if isinstance(kept, dict) else {}


def save(facts: HostFacts, ceilings: Mapping[str, Ceiling]) -> None:
    """Keep the ceilings of this host, if the file can be written."""
    hosts = _read()
    hosts.pop(_host_key(facts), None)
    hosts[_host_key(facts)] = {name: asdict(ceiling) for name, ceiling in ceilings.items()}
    latest = dict(list(hosts.items())[-_MOST_HOSTS:])
    with contextlib.suppress(OSError, RuntimeError):
        path().parent.mkdir(parents=True, exist_ok=True)
        # Renamed into its place: of two runs at once one wins, and no reader sees half a file.
        with tempfile.NamedTemporaryFile("w", dir=path().parent, delete=False) as file:
            try:
                json.dump(latest, file, indent=2)
                file.close()
                Path(file.name).replace(path())
            except OSError:
                Path(file.name).unlink(missing_ok=True)
                raise


def _host_key(facts: HostFacts) -> str:
    """Return what a ceiling hangs on, beside its kind."""
    return "; ".join(
        (
            f"Linux {facts.kernel} {facts.architecture}",
            f"{facts.cpus} x {facts.cpu_model}",
            f"Python {facts.python}",
            f"tw-bench {facts.tw_bench}",
            f"calibration {_VERSION}",
        )
    )


def _read() -> dict[str, object]:
    try:
        found = json.loads(path().read_text())
    except (OSError, ValueError, RuntimeError):  # nested too deep, or nobody's home
        return {}
    return found if isinstance(found, dict) else {}


def _valid(kept: Mapping[str, object]) -> Iterator[tuple[str, Ceiling]]:
    for name, fields in kept.items():
        if isinstance(fields, dict) and isinstance(fields.get("measured_at"), str):
            with contextlib.suppress(TypeError):
                ceiling = Ceiling(**fields)
                figures = (ceiling.per_s, ceiling.reached_per_s, ceiling.cpu)
                if all(math.isfinite(figure) and figure > 0 for figure in figures):
                    yield name, ceiling
