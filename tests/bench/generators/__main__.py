"""The table of generators: `python -m tests.bench.generators`, or `make bench`.

Which generator makes how many connections a second here, on one processor, with nginx on another;
and what part of it a worker of tw-bench makes that records every one of them.
"""

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.generators import catalogue, record, tables
from tests.bench.generators.ground import find_nginx, processors
from tests.bench.generators.rounds import Rounds
from tw_bench import __version__
from tw_bench.errors import ProfileError, ResultsError, TwBenchError
from tw_bench.lab.lab import keeper
from tw_bench.plan.host_facts import HostFacts, read_host_facts

OUT = Path("results/reference/generators")
_SEED = 1


def main() -> None:
    """Measure, write, draw and print; or only draw and print what was written."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=_count, default=5, help="of a minute each; 5")
    parser.add_argument("--seed", type=int, default=_SEED, help="of the order in the rounds")
    parser.add_argument("--out", type=Path, help=f"the folder; {OUT}")
    parser.add_argument(
        "--only",
        default="",
        help="one row, by its name, or one table: close, keep, workers, target",
    )
    parser.add_argument("--draw", action="store_true", help="measure nothing: draw --out again")
    asked = parser.parse_args()
    out = asked.out or OUT
    try:
        if asked.only and not (asked.out or asked.draw):
            raise ProfileError(f"--only would replace the whole table in {OUT}: want --out DIR")
        if not asked.draw:
            record.write(out, measure(asked.rounds, asked.seed, asked.only))
        show(out)
    except TwBenchError as error:
        sys.exit(f"bench: error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read has gone; what is still in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"got {text!r}: want a number of rounds from 1 to 100")
    return int(text)


def measure(count: int, seed: int, only: str) -> dict[str, Any]:
    """Run the rounds and return the record.

    Raises:
        HostError: there is one processor, or no user namespaces.
        TargetError: nginx is not installed, or does not start.
        ResultsError: nothing was measured.
    """
    usable = sorted(os.sched_getaffinity(0))
    cpus = processors(usable)
    facts = read_host_facts()
    os.sched_setaffinity(0, cpus.ours)  # before anything is started: it starts where we are
    find_nginx()
    with tempfile.TemporaryDirectory() as folder, keeper(isolated=True) as link:
        generators, missing = catalogue.installed(Path(folder))
        for line in missing:
            _say(line)
        rounds = Rounds(generators, link, usable, facts)
        rounds.entries = [each for each in rounds.entries if only in (each.table, "", each.name)]
        if not rounds.entries:
            raise ProfileError(f"--only: got {only!r}: want a table or a row's name: see --help")
        readings = asyncio.run(rounds.run(count, seed, _say))
    if not readings:
        raise ResultsError("nothing was measured")
    about = {
        "rounds": count,
        "seed": seed,
        "processors": {
            "generators": cpus.generators,
            "server": cpus.server,
            "ours": cpus.ours,
        },
        "host": _host(facts),
        "versions": _versions(generators),
    }
    return record.record(readings, generators, about)


def show(folder: Path) -> None:
    """Draw what a folder holds, and print its tables.

    Raises:
        ResultsError: it holds none.
    """
    from tests.bench.generators.picture import draw  # matplotlib: not while it is measured

    document, rows = record.read_document(folder)
    paths = draw(document, rows, folder / "figures" / "generators")
    for line in (*tables.tables(document, rows), "", *map(str, paths)):
        print(line)


def _host(facts: HostFacts) -> dict[str, Any]:
    """Return the facts that bear on the table."""
    names = ("kernel", "architecture", "hz", "cpus", "cpu_model", "open_files")
    return {name: getattr(facts, name) for name in names}


def _versions(generators: list[catalogue.Generator]) -> dict[str, str]:
    said = subprocess.run([find_nginx(), "-v"], capture_output=True, text=True).stderr
    packages = {each.package: "" for each in generators if each.program != sys.executable}
    return {
        "nginx": said.strip().rpartition(" ")[2],
        "Python": platform.python_version(),
        "uvloop": version("uvloop"),
        "tw-bench": __version__,
        **{package: catalogue.package_version(package) for package in packages},
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
