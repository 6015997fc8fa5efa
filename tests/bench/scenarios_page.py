"""docs/scenarios.md, written from a run: `make scenarios` plays every claim and writes it anew."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "profiles" / "scenarios"
PAGE = ROOT / "docs" / "scenarios.md"
PICTURES = ROOT / "docs" / "scenarios"

# In the order in which a chapter of a book would tell them.
CHAPTERS = {
    "The close": "close-client-first close-server-first close-both-at-once close-by-reset",
    "A lost ACK": "lost-final-ack lost-final-ack-no-time-wait time-wait-clock-restarts",
    "Old duplicates": (
        "old-duplicate-time-wait old-duplicate-paws old-duplicate-sequence-numbers "
        "old-duplicate-accepted"
    ),
    "A server that is started again": (
        "restart-without-reuseaddr restart-with-reuseaddr restart-reuseaddr-too-late "
        "restart-client-closed-first restart-with-reuseport restart-while-the-old-listens "
        "reuseaddr-1-children reuseaddr-2-many-servers reuseaddr-3-one-process "
        "reuseaddr-4-duplicates reuseport-spreads"
    ),
    "A close() that was forgotten": (
        "close-wait-leak backlog-one-sided fin-timeout-is-for-orphans fin-timeout-is-not-time-wait"
    ),
    "Orphans": (
        "orphan-last-ack orphan-fin-wait-1 orphan-retries-are-a-time orphan-retries-zero "
        "orphans-are-counted"
    ),
    "TIME_WAIT cut short": (
        "time-wait-assassination time-wait-assassination-refused reopen-by-syn-accepted "
        "reopen-by-syn-refused reopen-by-sequence-number"
    ),
    "Behind a NAT": (
        "nat-ports-run-out nat-time-wait nat-takes-ports-back nat-conntrack-fills nat-two-clocks"
    ),
    "A pool": "pool-too-small",
    "What TIME_WAIT costs": "time-wait-memory time-wait-buckets time-wait-lookups port-search",
}

MARK = "<!-- From here on written by `make scenarios`. -->\n"


def page(folder: Path, claims: list[dict[str, Any]]) -> str:
    """Return what a run of all claims adds to the page."""
    known = {claim["name"]: claim for claim in claims}
    told = {name for names in CHAPTERS.values() for name in names.split()}
    missing = known.keys() ^ told
    if missing:
        raise SystemExit(f"CHAPTERS and profiles/scenarios differ: {', '.join(sorted(missing))}")
    failed = [claim["name"] for claim in claims if claim["verdict"] != "as claimed"]
    checks = sum(len(claim["checks"]) for claim in claims)
    kernel = os.uname().release.partition("-")[0]
    otherwise = f"Otherwise than claimed: {', '.join(failed)}." if failed else "All hold."
    head = f"Linux {kernel}: {len(claims)} claims, {checks} expectations. {otherwise}\n"
    parts = [head, *_contents(known)]
    for chapter, names in CHAPTERS.items():
        parts.append(f"## {chapter}\n")
        for name in names.split():
            parts += _section(folder / name, known[name])
    return "\n".join(parts)


def _contents(known: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield "| claim | verdict |\n|---|---|"
    for chapter, names in CHAPTERS.items():
        yield f"| **{chapter}** | |"
        for name in names.split():
            claim = known[name]
            yield f"| [{claim['title']}](#{name}): {_cell(claim['claim'])} | {claim['verdict']} |"
    yield ""


def _section(folder: Path, claim: dict[str, Any]) -> Iterator[str]:
    name = claim["name"]
    yield f'<a id="{name}"></a>\n\n### {claim["title"]}\n'
    yield f"{claim['claim']}\n"
    source = f" · {claim['source']}" if claim["source"] else ""
    yield f"[{name}.yaml](../profiles/scenarios/{name}.yaml){source} · **{claim['verdict']}**\n"
    for picture, what in (("sequence", "segments and states"), ("states", "sockets by state")):
        if (PICTURES / f"{name}-{picture}.svg").exists():
            yield f"![{claim['title']}: {what}](scenarios/{name}-{picture}.svg)\n"
    yield "| expected | observed | |\n|---|---|---|"
    for check in claim["checks"]:
        mark = "" if check["passed"] else "**otherwise** "
        says = "" if ": " in check["expected"] else _cell(check["says"])
        yield f"| `{check['expected']}` | {_cell(check['observed'])} | {mark}{says} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _take_pictures(folder: Path) -> None:
    """Take the diagram of each scenario; of those with many sockets the plot of their states."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir()
    for place in sorted(folder.iterdir()):
        diagram, states = (place / "figures" / f"{n}.svg" for n in ("sequence", "states"))
        if diagram.exists():
            shutil.copyfile(diagram, PICTURES / f"{place.name}-sequence.svg")
        if states.exists() and _most_sockets(place) >= 10:
            shutil.copyfile(states, PICTURES / f"{place.name}-states.svg")


def _most_sockets(folder: Path) -> int:
    rows = (folder / "samples.csv").read_text().splitlines()[1:]
    return max((sum(int(cell) for cell in row.split(",")[2:] if cell) for row in rows), default=0)


def main() -> None:
    """Play everything, and write the page and its pictures."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "played"
        words = ["run", str(PROFILES), "--out", str(folder), "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "tw_bench", *words],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        _take_pictures(folder)
        by_hand = PAGE.read_text().partition(MARK)[0]
        PAGE.write_text(by_hand + MARK + "\n" + page(folder, json.loads(done.stdout)))
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
