"""`tw-bench plan` on the command line: what it prints, and one line for each mistake."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.machines import SMALL
from tw_bench.plan.host_facts import facts_from_json, facts_to_json

EXAMPLE = ("--rate", "3000/s", "--destinations", "2", "--response-time", "8ms")
BUSY = replace(
    SMALL,
    sysctls=SMALL.sysctls
    | {
        "net.ipv4.tcp_tw_reuse": "2",
        "net.ipv4.tcp_timestamps": "0",
        "net.ipv4.tcp_max_tw_buckets": "16384",
        "net.netfilter.nf_conntrack_max": "65536",
        "net.netfilter.nf_conntrack_count": "1200",
        "net.core.somaxconn": "128",
    },
    open_files_soft=1_024,
    held_ports=(33_000, 34_000, 35_000),
)


def plan(*arguments: str, columns: int = 100, code: str = "") -> subprocess.CompletedProcess[str]:
    """Return what `tw-bench plan` did; `code` runs first in the same Python."""
    program = f"{code}\nimport sys\nfrom tw_bench.cli import main\nmain()"
    return subprocess.run(
        [sys.executable, "-c", program, "plan", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": str(columns), "PATH": "/usr/bin:/bin"},
    )


def printed(*arguments: str, columns: int = 100) -> str:
    """Return what it printed, having succeeded."""
    done = plan(*arguments, columns=columns)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


@pytest.fixture
def facts_file(tmp_path: Path) -> Path:
    """Return a facts file of a busy host."""
    path = tmp_path / "busy.json"
    path.write_text(facts_to_json(BUSY))
    return path


@pytest.mark.parametrize("columns", [60, 100])
def test_not_enough(golden, columns):
    """The verdict, the walls, the sockets and the ranked remedies; narrow and wide."""
    text = printed("--host", "linux", *EXAMPLE, columns=columns)
    assert all(len(line) <= columns for line in text.splitlines())
    golden(f"plan-service-{columns}.txt", text)


def test_enough_behind_a_gateway(golden):
    """A preset names its source, and promises no remedy of Linux."""
    text = printed("--host", "azure-snat", "--rate", "300/s")
    assert "SO_REUSEADDR" not in text
    golden("plan-gateway-100.txt", text)


def test_no_rate(golden):
    """Without a rate: where the first wall stands."""
    golden("plan-no-rate-100.txt", printed("--host", "macos"))


def test_a_described_host(golden, facts_file, monkeypatch):
    """A facts file: held ports, small tables, timestamps off; each is a wall or a remedy."""
    monkeypatch.chdir(facts_file.parent)
    golden("plan-described-100.txt", printed("--host", facts_file.name, "--rate", "200/s"))


def test_a_profile_of_several_points(golden):
    """Each point a line; one of them in full when it is named."""
    profile = str(Path(__file__).parents[2] / "profiles/remedies.yaml")
    text = printed(profile)
    assert text.count("\n") > 18
    assert "SO_REUSEADDR alone" in printed(profile, "--point", "two-servers")


def test_what_is_repeated_is_said(tmp_path):
    """The plan is of one run of each point; how often a run measures it stands below."""
    path = tmp_path / "p.yaml"
    path.write_text("title: a test\nload: {rate: 30/s}\nrepeat: 3\n")
    said = "repeat: 3: tw-bench run measures each point 3 times\n"
    assert printed(str(path)).endswith(f"\n\n{said}")
    assert said not in printed(str(path), "--set", "repeat=1")


def test_a_search_asks_for_no_rate():
    """`find: max_rate` asks which rate, so nothing is said to be not enough for one."""
    text = printed("profiles/max-rate.yaml")
    assert text.startswith("asked     as many requests as fit")
    assert "NOT ENOUGH" not in text


def test_this_host_needs_no_flag():
    """With nothing at all, the plan is that of the host it runs on."""
    (found,) = json.loads(printed("--json"))["plans"]
    assert found["environment"]["name"] == "this host"
    assert found["limit_per_s"] > 0
    assert found["headroom"] is None


def test_json_carries_the_same_figures():
    """All of the plan, in units that the names end in."""
    (found,) = json.loads(printed("--json", "--host", "linux", *EXAMPLE))["plans"]
    assert (56_464, "ports") == (found["four_tuples"], found["binding"])
    assert found["demand"]["rate_per_s"] == 3000
    assert found["headroom"] == pytest.approx(found["limit_per_s"] / 3000)
    assert {"name", "to", "factor", "needs", "risk", "measured"} <= set(found["remedies"][0])


def test_ports_of_the_flag_go_over_those_of_the_host():
    """--ports replaces the range; what is held outside of it costs nothing."""
    (found,) = json.loads(printed("--json", "--host", "linux", "--ports", "500"))["plans"]
    assert (500, found["environment"]["ports"]) == (
        found["four_tuples"],
        {"low": 32_768, "high": 33_267},
    )


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_picture_is_drawn_where_it_is_wanted(tmp_path, suffix):
    """--figure writes it, and the text says where."""
    path = tmp_path / f"plan{suffix}"
    assert f"figure: {path}" in printed("--host", "linux", *EXAMPLE, "--figure", str(path))
    assert path.stat().st_size > 5_000


MISTAKES = {
    "rate 0": (["--rate", "0/s"], "--rate: got '0/s': want requests a second such as 400/s"),
    "rate -1": (["--rate", "-1/s"], "--rate: got '-1/s': want requests a second such as 400/s"),
    "rate bare": (["--rate", "3000"], "--rate: got '3000': want requests a second such as 400/s"),
    "rate huge": (["--rate", "9999k/s"], "5k/s, at most 1,000,000/s"),
    "rate x": (["--rate", "1.2x"], "--rate: got '1.2x': want requests a second such as 400/s"),
    "ports 0": (["--ports", "0"], "--ports: got '0': is empty"),
    "ports 1": (["--ports", "40000-40000"], "holds a single port: want at least two"),
    "ports 9": (["--ports", "1-70000"], "--ports: got '1-70000': starts at 1"),
    "no destination": (["--destinations", "0"], "--destinations: got '0': want a whole number"),
    "half a source": (["--sources", "1.5"], "--sources: got '1.5': want a whole number"),
    "no request": (["--requests-per-connection", "0"], "--requests-per-connection: got '0': want"),
    "no round trip": (["--round-trip", "0s"], "--round-trip: got '0s': want a time above zero"),
    "a time in tw": (["--response-time", "1tw"], "--response-time: got '1tw': want a time"),
    "closer": (["--closer", "me"], "--closer: got 'me': want one of client, server, both"),
    "close": (["--close", "kill"], "--close: got 'kill': want one of fin, rst, half, unread"),
    "source port": (["--source-port", "x"], "--source-port: got 'x': want one of autobind,"),
    "server half": (["--closer", "server", "--close", "half"], "--close: got 'half' with --closer"),
    "both rst": (["--closer", "both", "--close", "rst"], "FINs cross: want fin"),
    "sources autobind": (["--sources", "2", "--source-port", "autobind"], "want bind_no_port"),
    "preset": (["--host", "beos"], "--host beos: unknown: "),
    "preset near": (["--host", "window"], "did you mean windows?"),
    "no file": (["--host", "facts.json"], "--host facts.json: No such file or directory: want"),
    "too long": (["--host", "x" * 300], "File name too long: want a file of doctor --facts"),
    "a folder": (["--host", "/tmp"], "--host /tmp: Is a directory: want"),
    "set alone": (["--set", "load.rate=1/s"], "--set: is for a profile: none is given"),
    "no profile": (["absent.yaml"], "absent.yaml"),
    "figure": (["--figure", "plan.gif"], "plan.gif"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(arguments, message):
    """What was found, where, and what is wanted; exit 2; nothing on stdout."""
    done = plan(*arguments)
    assert (2, "") == (done.returncode, done.stdout)
    (line,) = done.stderr.splitlines()
    assert line.startswith("tw-bench: error: ")
    assert message in line


def test_a_profile_is_not_mixed_with_flags(tmp_path):
    """A profile says it all; --set changes it; a point must be one of its own."""
    path = tmp_path / "mine.yaml"
    path.write_text("title: mine\n")
    for arguments, message in (
        (("--rate", "5/s"), "--rate: the profile"),
        (("--host", "macos"), "a profile runs in a lab on Linux, not on macos"),
        (("--point", "x"), "--point: got 'x': want one of"),
    ):
        done = plan(str(path), *arguments)
        assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
        assert message in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{", "", "is no JSON"),
        ('"tw-bench host facts"', '"holiday plans"', "is no host facts"),
        ('"format_version": 1', '"format_version": 9', "format_version: got 9: want 1"),
        ('"hz": 250', '"hz": 0', "hz: got 0: want 24 to 10000"),
        ('"hz": 250', f'"hz": {10**300}', "hz: got 1e+300: want 24 to 10000"),
        ('"cpus": 2', '"cpus": NaN', "cpus: "),
        ('"open_files_soft": 1024', '"open_files_soft": -5', "open_files_soft: got -5: want 0"),
        ('"6.18.0"', '"garbage"', "kernel: got 'garbage': want such as 6.18.0"),
        ('"6.18.0"', f'"{"6" * 5000}.18"', "kernel: got '666"),
        ("{", "[" * 100_000, "is no JSON"),
        ('"hz": 250', '"hz": "fast"', "hz: Input should be a valid integer"),
        ('"kernel":', '"kernle":', "kernel: Field required"),
        ('"32768\\t60999"', '"60999 32768"', "ip_local_port_range: got '60999 32768': want"),
        ('tcp_tw_reuse": "2"', 'tcp_tw_reuse": "7"', "tcp_tw_reuse: got '7': want 0 to 2"),
        ('nf_conntrack_max": "65536"', 'nf_conntrack_max": "many"', "want a number"),
        ('somaxconn": "128"', 'somaxconn": "-1"', "somaxconn: got '-1': want a number"),
        ("33000", "99000", "held_ports: got 99000: want ports up to 65535"),
    ],
)
def test_a_mangled_facts_file_is_one_line(facts_file, old, new, message):
    """Whatever was done to it, the file and the field are named."""
    text = facts_file.read_text()
    assert old in text
    facts_file.write_text(text.replace(old, new, 1))
    done = plan("--host", str(facts_file))
    assert (2, "") == (done.returncode, done.stdout)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"tw-bench: error: {facts_file}: ")
    assert message in line


@pytest.mark.parametrize("soft", [0, 64])
def test_json_of_a_limit_of_zero(facts_file, soft):
    """Not one descriptor to spare: nothing gets through, and JSON says so without infinity."""
    facts_file.write_text(facts_to_json(replace(BUSY, open_files_soft=soft)))
    (found,) = json.loads(printed("--json", "--host", str(facts_file), "--rate", "10/s"))["plans"]
    assert (0, "file descriptors") == (found["limit_per_s"], found["binding"])
    assert found["remedies"][0]["factor"] is None
    assert "from 0" in printed("--host", str(facts_file), "--rate", "10/s")


def test_facts_survive_the_file():
    """What was written is what is read."""
    assert facts_from_json(facts_to_json(BUSY), "busy.json") == BUSY


ELSEWHERE = """
import sys, sysconfig
sysconfig.get_config_vars()  # the standard library asks for the platform once, and keeps it
sys.platform = "{platform}"
for name in ("resource", "uvloop", "pyroute2", "hdrh"):
    sys.modules[name] = None
"""


@pytest.mark.parametrize(("platform", "ports"), [("darwin", 16_384), ("freebsd14", 55_536)])
def test_other_systems_plan_too(platform, ports):
    """On macOS and FreeBSD the plan needs nothing that only Linux has, and is that system's."""
    done = plan("--json", code=ELSEWHERE.format(platform=platform))
    assert (0, "") == (done.returncode, done.stderr)
    assert json.loads(done.stdout)["plans"][0]["four_tuples"] == ports


def test_a_plan_is_quick():
    """No matplotlib, numpy or uvloop is loaded for a text."""
    code = """
import atexit, sys
atexit.register(lambda: print(*{n.partition(".")[0] for n in sys.modules}, file=sys.stderr))
"""
    loaded = set(plan("--host", "linux", code=code).stderr.split())
    assert "tw_bench" in loaded
    assert not loaded & {"matplotlib", "numpy", "uvloop", "pyroute2"}
