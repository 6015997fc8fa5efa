"""Audits of real programs in real namespaces: every connection is counted, and who closed it."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "tw_bench", "audit"]
LONG_S = f"{86_400 + os.getpid()}.25"  # a word that no other process has
# Each program calls the target so often: closed first by the one or by the other end.
CALLS = """
import os, socket, sys
def call(header):
    to = os.environ["TW_BENCH_ADDRESS"], int(os.environ["TW_BENCH_PORT"])
    connection = socket.create_connection(to)
    connection.sendall(b"GET / HTTP/1.1\\r\\nHost: lab\\r\\n" + header + b"\\r\\n")
    connection.recv(4096)
    return connection
"""
TARGET_CLOSES = f"""{CALLS}
for _ in range(50):
    connection = call(b"Connection: close\\r\\n")
    while connection.recv(4096): pass
    connection.close()
"""
CLIENT_CLOSES = f"""{CALLS}
for _ in range(50): call(b"").close()
"""
LEAK = f"""{CALLS}
import time
kept = [call(b"") for _ in range(7)]
time.sleep(0.5)
os._exit(0)
"""
OWN_SERVERS = """
import socket
def exchange(server_first):
    server = socket.create_server(("127.0.0.1", 0))
    for _ in range(20):
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        first, second = (accepted, client) if server_first else (client, accepted)
        first.close(); second.recv(1); second.close()
exchange(True)
exchange(False)
"""


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Return what `tw-bench audit` did."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, **options
    )


def audit(*arguments: str) -> dict[str, Any]:
    """Return the JSON of an audit that ended well."""
    done = run("--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def is_running(word: str) -> bool:
    """Return whether a process of this machine, other than this one, has a word in its command."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.parent.name != str(os.getpid()) and word in path.read_text():
                return True
    return False


@pytest.mark.parametrize("ip", ["4", "6"])
def test_connections_that_the_target_closes_first_burn_no_port(ip):
    """Fifty requests with Connection: close: fifty opened, fifty closed there, no port burnt."""
    found = audit("--ip", ip, "--", sys.executable, "-c", TARGET_CLOSES)
    assert (found["opened"], found["to_target"], found["failed"]) == (50, 50, 0)
    assert found["closes"]["target"] == 50
    assert found["time_wait"] == {"client": 0, "target": 50}
    assert (found["burnt"], found["burnt_per_h"], found["called"]) == (0, 0, [])


@pytest.mark.parametrize(
    ("ip", "name"), [("4", "198.19.0.1:80"), ("6", "[2001:2:0:19::1]:80")], ids=["4", "6"]
)
def test_connections_that_the_client_closes_first_burn_a_port_each(ip, name):
    """Fifty requests without it: fifty TIME_WAIT here, and what that means by the law."""
    found = audit("--ip", ip, "--", sys.executable, "-c", CLIENT_CLOSES)
    assert found["opened"] == found["burnt"] == found["closes"]["client"] == 50
    assert found["time_wait"] == {"client": 50, "target": 0}
    (called,) = found["called"]
    assert (called["name"], called["most_ports"], called["burnt"]) == (name, 50, 50)
    assert called["by_state"] == {"TIME_WAIT": 50}
    assert called["runs_per_s"] == pytest.approx(28_232 / called["hold_s"] / 50)
    assert found["burnt_per_h"] == pytest.approx(50 * 3_600 / found["elapsed_s"])


def test_sockets_that_are_never_closed_are_seen():
    """Seven sockets that are open when the program ends: seven ESTABLISHED, at once and then."""
    found = audit("--", sys.executable, "-c", LEAK)
    assert found["open_at_end"] == {"ESTABLISHED": 7}
    assert (found["peak_established"], found["not_closed"]) == (7, 7)
    assert found["looked_before_end_s"] < 5
    assert found["left"] == {}  # the kernel closed them with the process


def test_servers_of_its_own_are_counted_and_hold_for_a_second():
    """On loopback: connections inside are exact, and ports burn only where the client closes."""
    found = audit("--", sys.executable, "-c", OWN_SERVERS)
    assert (found["opened"], found["inside"], found["to_target"]) == (40, 40, 0)
    assert found["time_wait"]["client"] == 40
    (called,) = found["called"]
    assert (called["most_ports"], called["hold_s"], called["is_loopback"]) == (20, 1.0, True)
    assert found["burnt"] == 20


def test_a_range_that_is_too_small_runs_dry():
    """Forty ports and fifty connections: forty are opened, and it is said that no port is left."""
    done = run("--ports", "40", "--", sys.executable, "-c", CLIENT_CLOSES)
    assert done.returncode == 1
    assert "Cannot assign requested address" in done.stderr
    assert "It ran dry: all 40 ports towards 198.19.0.1:80 were in use." in done.stderr


def test_an_rst_burns_nothing():
    """SO_LINGER {1, 0}: connections end in an RST of the client."""
    text = CLIENT_CLOSES.replace(
        'call(b"").close()',
        "call(b'').setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\\1\\0\\0\\0\\0\\0\\0\\0')",
    )
    found = audit("--", sys.executable, "-c", text)
    assert (found["opened"], found["closes"]["reset"], found["burnt"]) == (50, 50, 0)
    assert found["resets"] == {"client": 50, "target": 0}


def test_what_is_outside_cannot_be_reached_and_that_is_said():
    """A connect() to the internet fails at once, and is counted as a call to the outside."""
    text = "import socket\ntry: socket.create_connection(('192.0.2.1', 80))\nexcept OSError: pass"
    found = audit("--", sys.executable, "-c", text)
    assert (found["opened"], found["no_route"]) == (0, 1)


@pytest.mark.parametrize(("most", "code"), [("49", 99), ("50", 0)])
def test_more_connections_than_allowed_fail_a_build(most, code):
    """--max-connections N: exit 99 from N + 1 on, after the audit was printed."""
    done = run("--max-connections", most, "--", sys.executable, "-c", CLIENT_CLOSES)
    assert done.returncode == code
    assert "It opened 50 connections and burnt 50 ports." in done.stderr
    assert ("--max-connections 49: it opened 50 (its exit code: 0)" in done.stderr) == (code == 99)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -9 $$"], 137),
        (["sh", "-c", "kill 0"], 143),  # its own group, not the lab's
        (["no-such-program"], 127),
        (["/etc/passwd"], 126),
        (["true", *map(str, range(30_000))], 126),
        ([], 2),
        ([""], 2),
    ],
    ids=["own", "killed", "group", "not-found", "refused", "too-long", "none", "empty"],
)
def test_the_exit_code_is_that_of_the_program(words, code):
    """As a shell has it; and what could not be started is said in one line."""
    done = run("--", *words)
    assert done.returncode == code
    if code in (2, 126, 127):
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("tw-bench: error: ")


@pytest.mark.parametrize(
    ("flag", "value"), [("--ports", "1"), ("--ip", "5"), ("--timeout", "0s"), ("--timeout", "2tw")]
)
def test_a_wrong_flag_is_one_line(flag, value):
    """The flag, what it got, what it wants; exit 2, and nothing was run."""
    done = run(flag, value, "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{flag}: got '{value}': want" in done.stderr or "holds a single port" in done.stderr


def test_words_after_the_program_are_its_own():
    """Without the dashes, too: an option behind the program's name is not ours."""
    done = run("echo", "--json", "{port}", "{else}")
    assert (done.returncode, done.stdout) == (0, "--json 80 {else}\n")


def test_streams_are_ours():
    """Stdin and stdout go through, megabytes of them; with --json its stdout is our stderr."""
    sent = "x" * 5_000_000
    done = run("--", "cat", input=sent)
    assert (done.returncode, done.stdout) == (0, sent)
    done = run("--json", "--", "sh", "-c", "echo from the program")
    assert done.stderr == "from the program\n"
    assert json.loads(done.stdout)["exit_code"] == 0


def test_the_program_is_as_if_a_shell_had_started_it():
    """Signals by default, no foreign descriptors, and a /proc that knows its pid."""
    text = (
        "import os, signal; print(os.listdir('/proc/self/fd') == ['0', '1', '2', '3'],"
        "[signal.getsignal(n) == signal.SIG_IGN for n in (signal.SIGINT,)],"
        "os.readlink('/proc/self') == str(os.getpid()), os.getsid(0) == os.getpid())"
    )
    done = run("--", sys.executable, "-c", text)
    assert done.stdout == "True [False] True True\n"
    done = run("--", "sh", "-c", "yes | head -n 1")  # SIGPIPE ends yes without a word
    assert (done.stdout, done.stderr.partition("\n")[0]) == ("y\n", "It opened no connection.")


def test_the_program_is_run_by_who_called_it():
    """An ordinary user is that user inside as well, without the rights that the lab was made by."""
    user = ["unshare", "--user", "--map-user=1234", "--map-group=1234"]
    text = "id -u; id -g; grep CapEff /proc/self/status"
    done = subprocess.run(
        [*user, *COMMAND, "--", "sh", "-c", text], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1234", "1234", "CapEff:", "0" * 16]


def test_a_program_that_never_ends_is_ended_with_all_it_started():
    """SIGTERM, and SIGKILL for what does not listen: exit 124, and nothing goes on."""
    started_s = time.monotonic()
    done = run(
        "--timeout",
        "300ms",
        "--",
        "sh",
        "-c",
        f"trap '' TERM; setsid sleep {LONG_S} & sleep {LONG_S}",
    )
    assert done.returncode == 124
    assert "its time was up" in done.stderr
    assert time.monotonic() - started_s < 30
    assert not is_running(LONG_S)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 5), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_signals_go_to_the_program_and_the_audit_is_still_printed(number, code):
    """Ctrl-C is the program's to answer; what it did until then is said."""
    text = f"""{CALLS}
import time
call(b"").close()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt: sys.exit(5)
"""
    process = subprocess.Popen(
        [*COMMAND, "--", sys.executable, "-c", text],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, number)
        said = process.stderr.read()
    assert process.returncode == code
    assert "It opened 1 connection and burnt 1 port." in said


def test_what_it_leaves_running_is_said_and_ended():
    """A process in the background that holds a connection: seen, and gone with the lab."""
    done = run(
        "--json", "--", "sh", "-c", '"$1" -c "$2" & sleep 1', "-", sys.executable,
        f"{CALLS}\nimport time\nc = call(b'')\ntime.sleep({LONG_S})",
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert (found["processes_left"], found["left"]) == (1, {"ESTABLISHED": 1})
    assert found["closes"]["open"] == 1
    assert not is_running(LONG_S)
