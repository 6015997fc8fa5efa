"""`observe: {states: true}`: sockets in all eleven states, beside the other samples."""

import csv

import pytest

from tw_bench import load_run
from tw_bench.observe.states import COLUMNS
from tw_bench.report.figures import draw_all

PROFILE = """
lab: {ports: 60, sysctls: {net.ipv4.tcp_tw_reuse: 1}}
load: {rate: 1.25x}
method: {fill: 1tw, window: 2tw}
parts:
  - {name: counted, observe: {states: true}}
  - {name: not-counted}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, measure_once):
    """Return the folder of a run with one point that is counted and one that is not."""
    measure_once(PROFILE)
    return max(
        tmp_path_factory.getbasetemp().glob("run*/run"), key=lambda path: path.stat().st_mtime
    )


def test_the_states_are_counted_where_it_is_asked(folder):
    """TIME_WAIT fills the range, the listener is one all along; the other point has no figures."""
    with (folder / "samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {*COLUMNS} <= rows[0].keys()
    asked = [row for row in rows if row["point"] == "counted"]
    assert {row["state_listen"] for row in asked if row["side"] == "server"} == {"1"}
    on_client = [int(row["state_time_wait"]) for row in asked if row["side"] == "client"]
    assert max(on_client) == 60
    assert {row[name] for row in rows if row["point"] == "not-counted" for name in COLUMNS} == {""}


def test_the_counts_are_drawn(folder):
    """A picture of the point that was counted."""
    assert "states.svg" in {path.name for path in draw_all(folder)}
    assert load_run(folder).columns("samples.csv")[-11:] == COLUMNS
