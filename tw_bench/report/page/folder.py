"""How a run is made again, and what its folder holds, file by file, in words."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tw_bench.results.percentiles import PERCENTILES
from tw_bench.results.reading import LoadedRun
from tw_bench.results.run_folder import (
    FIGURES,
    INTERVALS,
    LATENCY,
    MANIFEST,
    OPENMETRICS,
    SAMPLES,
    SERVICE_TIME,
    SUMMARY,
)

_SET, _OUT = "--set", "--out"
_WORDS = {
    MANIFEST: "what was asked, of which machine, when, and how it ended",
    SUMMARY: "the quotable figures of every point",
    INTERVALS: "what the load did: a row a point, worker and second",
    SAMPLES: "what the kernel said: a row a point, side and tick",
    LATENCY: "latency as an HDR histogram log, tagged by point",
    SERVICE_TIME: "service time in the same way",
    f"{PERCENTILES}/": "how both are distributed, a file a point, as the HDR tools write it",
    OPENMETRICS: "the figures for Prometheus",
    f"{FIGURES}/": "each picture as SVG and PNG, to send or to show",
    "targets/": "what targets and proxies were told, and what they said",
}


@dataclass(frozen=True, slots=True)
class Again:
    """What was asked, and where it is kept."""

    settings: list[str]  # the --set texts
    profile: str  # verbatim
    command: str  # without --out: that folder is there by now
    files: list[tuple[str, str]]  # of the folder, each with what is in it


def again(run: LoadedRun) -> Again:
    """Return what a page says of how to repeat a run."""
    asked = run.manifest
    return Again(
        settings=asked.settings or _set_by(asked.argv),
        profile=asked.profile_verbatim.expandtabs(),
        command=shlex.join(_without_place(asked.argv)),
        files=files_text(run),
    )


def files_text(run: LoadedRun) -> list[tuple[str, str]]:
    """Return the files and folders that the run has, each with what is in it."""
    sealed = {name.partition("/")[0] for name in run.manifest.files}
    return [
        (name, words)
        for name, words in _WORDS.items()
        if name.rstrip("/") in sealed or (run.path / name).exists()
    ]


def _without_place(argv: Sequence[str]) -> list[str]:
    """Return a command without --out.

    >>> _without_place(["tw-bench", "run", "p.yaml", "--out", "a", "--json", "--out=b"])
    ['tw-bench', 'run', 'p.yaml', '--json']
    """
    before = ["", *argv[:-1]]
    return [
        word
        for last, word in zip(before, argv, strict=True)
        if _OUT not in (last, word) and not word.startswith(f"{_OUT}=")
    ]


def _set_by(argv: Sequence[str]) -> list[str]:
    """Return the --set texts of a command: an older manifest has them nowhere else.

    >>> _set_by(["tw-bench", "run", "p.yaml", "--set", "load.rate=5/s", "--set=lab.ports=100"])
    ['load.rate=5/s', 'lab.ports=100']
    """
    found = [value for name, value in pairwise(argv) if name == _SET]
    return found + [one.partition("=")[2] for one in argv if one.startswith(f"{_SET}=")]
