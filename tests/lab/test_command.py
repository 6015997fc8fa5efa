"""A program of the user's as the load: counted by the kernel, kept with its output."""

import shlex
import sys

import pytest

CALLS = """
import sys, socket
for n in range(20):
    one = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    one.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    assert one.recv(4096).startswith(b"HTTP/1.1 200")
    one.close()
print("called", sys.argv[3])
"""
HTTP = "target: {protocol: http}\nlab: {ports: 100}\nmethod: {fill: 0s, window: 1s}\n"


def load(*words: str) -> str:
    """Return the section of a command."""
    return f"load:\n  command: {list(words)!r}\n"


def test_its_connections_are_counted_by_the_kernel(measure_point, tmp_path):
    """Twenty connections, closed by the program: opened, in TIME_WAIT, and its words kept."""
    script = tmp_path / "calls.py"
    script.write_text(CALLS)
    words = [sys.executable, str(script), "{address}", "{port}", "{url}"]
    # It ends before the window does, and the rest of the window is looked at all the same.
    shell = f"{shlex.join(words)}; sleep 0.8".replace("'", "")
    point = measure_point(HTTP + load("sh", "-c", shell))
    assert point.error is None
    assert 20 == point.measured.connections_opened == point.time_wait["client"].made
    assert [line.is_even for line in point.ledger] == [True]
    assert point.verdict == "unlimited"
    (kept,) = tmp_path.rglob("command.out")
    assert kept.read_text() == "called http://198.19.0.1:80/\n"


def test_one_that_runs_out_of_ports_is_seen_by_its_time_wait(measure_point, tmp_path):
    """A hundred ports taken: the verdict is that of the ports, whatever the program says."""
    script = tmp_path / "calls.py"
    script.write_text(CALLS.replace("range(20)", "range(100)"))
    shell = f"{sys.executable} {script} {{address}} {{port}} x; sleep 0.8"
    point = measure_point(HTTP + load("sh", "-c", shell))
    assert (100, "port-bound") == (point.measured.connections_opened, point.verdict)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sh", "-c", "echo oh no >&2; exit 3"), "load.command sh failed (exit code 3): oh no"),
        (("no-such-program",), "load.command no-such-program failed (exit code 127)"),
        (("sh", "-c", "kill -9 $$"), "load.command sh failed (killed by signal 9)"),
    ],
)
def test_one_that_fails_fails_the_point(measure_point, words, message):
    """With its last words."""
    point = measure_point(HTTP + load(*words))
    assert point.status == "failed"
    assert message in point.error


def test_one_that_does_not_end_is_ended(measure_point):
    """When the window is over, and that is no failure."""
    point = measure_point(HTTP + load("sleep", "100"))
    assert ("complete", 0) == (point.status, point.measured.connections_opened)
