"""Real runs compared: one profile twice, repeated in shuffled order, and once asked otherwise."""

import json
import subprocess
import sys

import pytest

PROFILE = """
title: a test
repeat: 3
lab: {sysctls: {net.ipv4.tcp_tw_reuse: 1}}
method: {fill: 1tw, window: 2tw}
parts:
  - {name: swept, sweep: {lab.ports: [40, 80]}}
  - {name: other, lab: {ports: 60}}
"""
NO_DIFFERENCE = {"same", "none", "negligible"}


def tw_bench(*args):
    """Run the command line."""
    command = [sys.executable, "-m", "tw_bench", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The profile twice, then with fewer ports in one of its parts."""
    place = tmp_path_factory.mktemp("compared")
    (place / "p.yaml").write_text(PROFILE)
    (place / "fewer.yaml").write_text(PROFILE.replace("ports: 60", "ports: 45"))
    folders = []
    for name, profile in (("first", "p"), ("second", "p"), ("fewer", "fewer")):
        folders.append(place / name)
        done = tw_bench("run", place / f"{profile}.yaml", "--out", folders[-1], "--no-progress")
        assert done.returncode == 0, done.stderr
    return folders


def pair_of(*args):
    """Return the only pair of a comparison, and the command's exit code."""
    done = tw_bench("compare", *args, "--json")
    assert done.stdout, done.stderr
    (pair,) = json.loads(done.stdout)["pairs"]
    return pair, done.returncode


def goodputs(pair):
    """Return the changes of goodput by point."""
    return {c["point"]: c for c in pair["changes"] if c["metric"] == "goodput_per_s"}


def test_the_folder_keeps_every_repetition_and_the_order(runs):
    """Nine points of three groups, each with its rows; the seed gives the waves."""
    summary = json.loads((runs[0] / "summary.json").read_text())
    manifest = json.loads((runs[0] / "manifest.json").read_text())
    ids = [point["id"] for point in summary["points"]]
    names = ("swept/ports=40", "swept/ports=80", "other")
    assert ids == [f"{name}#{number}" for name in names for number in (1, 2, 3)]
    assert [1, 2, 3] * 3 == [point["repetition"] for point in summary["points"]]
    assert isinstance(manifest["shuffle_seed"], int)
    assert sorted(id for wave in manifest["waves"] for id in wave) == sorted(ids)
    assert all(line["ours"] == line["kernel"] for p in summary["points"] for line in p["ledger"])
    rows = (runs[0] / "intervals.csv").read_text().splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == set(ids)
    assert list((runs[0] / "figures").glob("*.svg"))


def test_the_same_profile_twice_shows_no_difference_in_goodput(runs):
    """Of all points, with an interval each: none, or one below 1 %."""
    pair, _ = pair_of(runs[0], runs[1])
    found = goodputs(pair)
    assert set(found) == {"swept/ports=40", "swept/ports=80", "other"}
    assert {change["effect"] for change in found.values()} <= NO_DIFFERENCE
    assert all(change["interval"] for change in found.values())


def test_another_setting_is_named_and_its_difference_is_found(runs):
    """45 ports for 60 are a quarter fewer connections; what was not touched is no different."""
    pair, code = pair_of(runs[0], runs[2], "--fail-if-worse")
    assert code == 99
    found = goodputs(pair)
    assert found["other"]["effect"] == "worse"
    assert found["other"]["difference"] == pytest.approx(-0.25, abs=0.05)
    assert {found[f"swept/ports={ports}"]["effect"] for ports in (40, 80)} <= NO_DIFFERENCE
    text = tw_bench("compare", runs[0], runs[2]).stdout
    assert "lab.ports: 32768-32827 | 32768-32812 (other)" in text
    assert "Goodput is lower at 1 of 3 points" in text
