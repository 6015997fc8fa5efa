"""The doctor in prepared places: each state made for real in a namespace, then looked at."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

Doctor = Callable[..., dict[str, Any]]

PRELUDE = """
import os, socket, subprocess, sys, time
from tw_bench.kernel import links, namespaces, sysctl
from tw_bench.kernel.tcp import IP_BIND_ADDRESS_NO_PORT

uid, gid = os.getuid(), os.getgid()
namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNET)
namespaces.become_root_of_user_namespace(uid, gid)
links.raise_link("lo", ["198.18.0.1/32", "198.18.0.2/32", "2001:2::1/128", "2001:2::2/128"])
sysctl.write("net.ipv4.ip_local_port_range", "40000 40099")
CLIENT, SERVER = {4: ("198.18.0.1", "198.18.0.2"), 6: ("2001:2::1", "2001:2::2")}[VERSION]
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}[VERSION]
kept = []

def wait_for_routes():
    # The kernel makes the routes of IPv6 a moment after the link is up.
    for here, there in ((CLIENT, SERVER), (SERVER, CLIENT)):
        with socket.socket(FAMILY, socket.SOCK_DGRAM) as one, socket.socket(
            FAMILY, socket.SOCK_DGRAM
        ) as other:
            one.bind((here, 0))
            other.bind((there, 9))
            other.settimeout(0.02)
            deadline = time.monotonic() + 5
            while True:
                try:
                    one.sendto(b"x", (there, 9))
                    other.recv(1)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.005)

wait_for_routes()

def listen(port=8080, address=SERVER):
    kept.append(socket.create_server((address, port), family=FAMILY, backlog=1000))
    return kept[-1]

def connect(listener, count, source=CLIENT, early=False):
    pairs = []
    for _ in range(count):
        client = socket.socket(FAMILY)
        if not early:
            client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        client.bind((source, 0))
        client.connect(listener.getsockname()[:2])
        pairs.append((client, listener.accept()[0]))
    return pairs

def time_wait(listener, count, **more):
    for client, server in connect(listener, count, **more):
        client.close()
        server.close()
"""
EPILOGUE = """
done = subprocess.run([sys.executable, "-m", "tw_bench", "doctor", *sys.argv[1:]])
sys.exit(done.returncode)
"""


def run(prepare: str, *arguments: str, version: int = 4, columns: int = 100) -> Any:
    """Prepare a namespace, run the command in it, and return how it ended."""
    script = f"VERSION = {version}\n{PRELUDE}\n{prepare}\n{EPILOGUE}"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": str(columns)},
        check=False,
    )


def examined(prepare: str, *, version: int = 4, code: int = 0) -> dict[str, Any]:
    """Return what `doctor --json` says in a prepared namespace."""
    done = run(prepare, "--json", version=version)
    assert code == done.returncode, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def finding(document: dict[str, Any], topic: str) -> dict[str, str]:
    """Return the one finding about a topic."""
    (found,) = [each for each in document["findings"] if each["topic"] == topic]
    return dict(found)


def about(document: dict[str, Any]) -> set[str]:
    """Return the topics of what is not as it should be."""
    return {each["topic"] for each in document["findings"] if each["level"] != "ready"}


@pytest.mark.parametrize("version", [4, 6])
def test_ninety_percent_of_a_range_in_time_wait(version):
    """90 of 100 ports: advice, with the figure, the state, the limit and the command."""
    document = examined("time_wait(listen(), 90)", version=version)
    (use,) = document["usage"]
    client, server = {4: ("198.18.0.1", "198.18.0.2"), 6: ("2001:2::1", "2001:2::2")}[version]
    assert (client, server, 8080) == (use["source"], use["address"], use["port"])
    assert (90, 100, 90.0) == (use["used_ports"], use["usable_ports"], use["percent"])
    assert use["by_state"] == {"TIME_WAIT": 90}
    assert use["sustainable_per_s"] == pytest.approx(100 / use["hold_s"])
    found = finding(document, "ports in use")
    assert found["level"] == "advice"
    assert "90 of 100 ports (90.0 %): 90 TIME_WAIT" in found["found"]
    assert found["command"] == "sudo sysctl -w net.ipv4.tcp_tw_reuse=1"


@pytest.mark.parametrize("version", [4, 6])
def test_a_range_that_is_nearly_full_is_blocking(version):
    """96 of 100 ports: exit code 3, and the destination is named as people write it."""
    document = examined("time_wait(listen(), 96)", version=version, code=3)
    found = finding(document, "ports in use")
    assert (document["status"], found["level"]) == ("blocking", "blocking")
    name = {4: "198.18.0.2:8080", 6: "[2001:2::2]:8080"}[version]
    assert f"to {name}: 96 of 100 ports (96.0 %)" in found["found"]


def test_loopback_that_is_reused_after_a_second_is_not_blocking():
    """On 127.0.0.1 tcp_tw_reuse=2 takes TIME_WAIT over, so that a full range is no trouble."""
    document = examined("time_wait(listen(address='127.0.0.1'), 98, source='127.0.0.1')")
    (use,) = document["usage"]
    assert (98.0, 0.0, 1.0) == (use["percent"], use["blocked_percent"], use["hold_s"])
    found = finding(document, "ports in use")
    assert found["level"] == "ready"
    assert "98 of 100 ports (98.0 %); TIME_WAIT is taken over after 1 s" in found["found"]


def test_mapped_addresses_use_the_ports_of_ipv4():
    """Sockets of ::ffff:198.18.0.2 are counted with those of 198.18.0.2."""
    prepare = """
listener = listen()
time_wait(listener, 20)
for _ in range(10):
    client = socket.socket(socket.AF_INET6)
    client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    client.bind(("::ffff:198.18.0.1", 0))
    client.connect(("::ffff:198.18.0.2", 8080))
    server, _ = listener.accept()
    client.close()
    server.close()
"""
    (use,) = examined(prepare)["usage"]
    assert (use["source"], use["by_state"]) == ("198.18.0.1", {"TIME_WAIT": 30})


@pytest.mark.parametrize("version", [4, 6])
def test_connections_from_outside_are_no_use_of_ports(version):
    """A server's own connections, and ports outside of the range, do not count."""
    prepare = """
kept += connect(listen(), 7)
for port in range(50000, 50005):
    client = socket.socket(FAMILY)
    client.bind((CLIENT, port))
    client.connect((SERVER, 8080))
    kept.append(client)
"""
    document = examined(prepare, version=version)
    (use,) = document["usage"]
    assert use["by_state"] == {"ESTABLISHED": 7}
    assert (12, 5) == (document["sockets"]["inbound"], document["sockets"]["elsewhere"])


@pytest.mark.parametrize("version", [4, 6])
def test_a_close_wait_leak_is_laid_at_its_owner(version):
    """A program that never closes is named with its pid, its sockets and how long they wait."""
    prepare = """
pairs = connect(listen(), 12)
for client, server in pairs:
    client.close()
    kept.append(server)
time.sleep(1.2)
print(os.getpid(), file=sys.stderr)
"""
    done = run(prepare, "--json", version=version)
    found = finding(json.loads(done.stdout), "CLOSE_WAIT")
    pid = done.stderr.strip()
    assert found["level"] == "advice"
    assert f"(pid {pid}) has 12 connections in CLOSE_WAIT, the oldest for 1." in found["found"]


def test_close_wait_that_only_passes_through_is_no_leak():
    """Twelve connections that were closed a moment ago are not late."""
    prepare = """
for client, server in connect(listen(), 12):
    client.close()
    kept.append(server)
"""
    assert "CLOSE_WAIT" not in about(examined(prepare))


def test_a_server_that_does_not_accept_is_told_from_one_that_does_not_close():
    """Connections in an accept queue have no owner: the server does not call accept()."""
    prepare = """
listener = listen()
for _ in range(11):
    client = socket.socket(FAMILY)
    client.connect((SERVER, 8080))
    client.close()
time.sleep(1.2)
"""
    document = examined(prepare)
    found = finding(document, "CLOSE_WAIT")["found"]
    assert found.startswith("11 connections were closed by their peer")
    assert document["sockets"]["unaccepted"] == 11


@pytest.mark.parametrize("version", [4, 6])
def test_a_fin_wait_2_pile(version):
    """Peers that never close hold 20 of the 100 ports, as orphans."""
    prepare = """
for client, server in connect(listen(), 20):
    client.close()
    kept.append(server)
"""
    document = examined(prepare, version=version)
    assert document["usage"][0]["by_state"] == {"FIN_WAIT_2": 20}
    found = finding(document, "FIN_WAIT_2")
    assert "20 connections, 20 of them orphans; 20 towards" in found["found"]
    assert "20.0 % of its ports" in found["found"]
    assert found["command"] == "sudo sysctl -w net.ipv4.tcp_fin_timeout=15"


def test_a_fin_wait_2_that_is_still_open_is_not_cured_by_a_timeout():
    """A half-closed socket that a program still has is no orphan, and no command is offered."""
    prepare = """
for client, server in connect(listen(), 20):
    client.shutdown(socket.SHUT_WR)
    kept += [client, server]
"""
    found = finding(examined(prepare), "FIN_WAIT_2")
    assert "20 connections, 0 of them orphans" in found["found"]
    assert found["command"] == ""


@pytest.mark.parametrize("version", [4, 6])
def test_ports_that_are_held_are_not_usable(version):
    """Listeners and idle sockets take ports out of the range, of both IP versions."""
    prepare = """
sysctl.write("net.ipv4.ip_local_reserved_ports", "40090-40091")
for port in (40010, 40011, 40090):
    listen(port)
for port in (40020, 40022):
    idle = socket.socket(FAMILY)
    idle.bind((CLIENT, port))
    kept.append(idle)
other = listen(8080)
kept += connect(other, 5)
"""
    document = examined(prepare, version=version)
    assert document["environment"]["usable_ports"] == 100 - 2 - 2 - 2
    assert document["facts"]["held_ports"] == [40010, 40011, 40020, 40022, 40090]
    listeners, idle = finding(document, "listeners"), finding(document, "bound ports")
    assert "2 ports of the range are listened on: 40010-40011 (python" in listeners["found"]
    assert listeners["command"] == ""  # the one that widens the range does it
    assert 'reserved_ports="40010-40011,40090-40091" ' in finding(document, "port range")["command"]
    assert "2 ports of the range are bound and idle: 40020,40022 (python" in idle["found"]


@pytest.mark.parametrize("early", [True, False])
def test_ports_from_bind_are_inferred_by_their_parity(early):
    """bind(ip, 0) takes ports of the other parity; connect() does not before the first is full."""
    document = examined(f"kept += connect(listen(), 20, early={early})")
    found = [each["found"] for each in document["findings"] if each["topic"] == "bound ports"]
    assert document["usage"][0]["second_parity"] == (20 if early else 0)
    assert bool(found) is early
    if early:
        assert found[0].startswith("inferred: about 20 of the 20 connections from 198.18.0.1")


@pytest.mark.parametrize("version", [4, 6])
def test_a_range_that_bind_has_used_up_is_blocking(version):
    """Ten destinations with ten ports each: bind() and connect() fail, and doctor says why."""
    prepare = """
listeners = [listen(8000 + n) for n in range(10)]
for _ in range(10):
    for listener in listeners:
        kept += connect(listener, 1, early=True)
for early, refusal in ((True, "EADDRINUSE"), (False, "EADDRNOTAVAIL")):
    try:
        connect(listeners[0], 1, early=early)
    except OSError as error:
        print(errno.errorcode[error.errno], file=sys.stderr)
"""
    done = run(f"import errno\n{prepare}", "--json", version=version)
    assert done.stderr.split() == ["EADDRINUSE", "EADDRNOTAVAIL"]
    assert done.returncode == 3
    document = json.loads(done.stdout)
    found = finding(document, "ports in use")
    assert found["level"] == "blocking"
    assert found["found"].endswith(
        "to 10 destinations: 100 of 100 ports in use, none shared between destinations: "
        "they were taken in bind()"
    )
    assert "IP_BIND_ADDRESS_NO_PORT" in found["why"]
    assert 'reserved_ports="8000-8009" ' in found["command"]
    (source,) = [of for of in document["sockets"]["sources"] if of["destinations"] == 10]
    assert (source["connections"], source["lone_ports"]) == (100, 100)


def test_destinations_that_share_ports_were_not_bound_early():
    """Ten destinations with sixty ports each, chosen by connect(): no trouble."""
    prepare = "for n in range(10): kept += connect(listen(8000 + n), 60)"
    document = examined(prepare)
    assert len(document["usage"]) == 10
    assert not {"bound ports", "ports in use"} & about(document)


@pytest.mark.parametrize("limit", [90, 72])
def test_a_program_that_runs_out_of_descriptors_is_named(limit):
    """By its own limit and count, not by those of the shell that the doctor runs in."""
    prepare = f"""
import resource
kept += connect(listen(), 30)
shell = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, 4096))
print(os.getpid(), len(os.listdir("/proc/self/fd")) - 1, file=sys.stderr)
"""
    epilogue = EPILOGUE.replace(
        "*sys.argv[1:]]",
        "*sys.argv[1:]], preexec_fn=lambda: "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))",
    )
    script = f"VERSION = 4\n{PRELUDE}\n{prepare}\n{epilogue}"
    done = subprocess.run(
        [sys.executable, "-c", script, "--json"], capture_output=True, text=True, check=False
    )
    pid, count = map(int, done.stderr.split())
    percent = 100 * count / limit
    (found,) = [
        each
        for each in json.loads(done.stdout)["findings"]
        if each["topic"] == "descriptors" and f"({pid}):" in each["found"]
    ]
    assert f"({pid}): {count} of {limit} ({percent:.1f} %)" in found["found"]
    assert found["level"] == ("blocking" if percent >= 95 else "advice")
    assert found["command"] == f"sudo prlimit --pid {pid} --nofile=4096:"


def test_a_leak_is_shown_with_what_is_left_of_its_descriptors():
    """The program that does not close is told how many of its descriptors it has."""
    prepare = """
for client, server in connect(listen(), 12):
    client.close()
    kept.append(server)
time.sleep(1.2)
print(len(os.listdir("/proc/self/fd")) - 1, file=sys.stderr)
"""
    done = run(prepare, "--json")
    found = finding(json.loads(done.stdout), "CLOSE_WAIT")["found"]
    assert f"; {done.stderr.strip()} of " in found
    assert found.endswith(" descriptors")


def test_more_listeners_than_a_hundred_have_their_owners():
    """Each of them is laid at its program; none is passed over in silence."""
    prepare = """
sysctl.write("net.ipv4.ip_local_port_range", "40000 40999")
for port in range(40000, 40300):
    listen(port)
"""
    document = examined(prepare)
    text = finding(document, "listeners")["found"]
    assert text.startswith("300 ports of the range are listened on: 40000-40299 (python")
    assert ";" not in text


def test_orphans_in_fin_wait_2_are_not_taken_for_time_wait():
    """Twenty of each: the kernel counts forty, and doctor says which is which."""
    prepare = """
listener = listen()
time_wait(listener, 20)
for client, server in connect(listener, 20):
    client.close()
    kept.append(server)
"""
    found = finding(examined(prepare), "TIME_WAIT")["found"]
    assert "(tcp_max_tw_buckets), 20 of them FIN_WAIT_2 of orphans; each lasts" in found
    assert found.startswith("40 of at most ")


def test_the_network_namespace_is_named():
    """Whose sockets these are: not those of the machine, and not seen from outside."""
    here = examined("print(os.readlink('/proc/self/ns/net'), file=sys.stderr)")
    assert here["network_namespace"]["is_initial"] is False
    name = here["network_namespace"]["name"]
    assert name.startswith("net:[")
    text = run("").stdout.splitlines()[2]
    assert text.startswith("Network namespace net:[")
    assert "not the initial one" in text


def test_more_than_half_of_a_range_is_not_taken_for_bound_early():
    """connect() itself takes the second parity once the first is full."""
    document = examined("kept += connect(listen(), 70)")
    assert document["usage"][0]["second_parity"] == 20
    assert "bound ports" not in about(document)


def test_settings_that_somebody_has_changed():
    """Each is found with its value, its reason, and the command that sets it back."""
    prepare = """
for name, value in {
    "tcp_max_tw_buckets": 50, "tcp_timestamps": 0, "tcp_fin_timeout": 15, "tcp_rfc1337": 1,
    "tcp_tw_reuse": 0, "ip_local_port_range": "40000 40098",
}.items():
    sysctl.write(f"net.ipv4.{name}", value)
sysctl.write("net.core.somaxconn", 128)
time_wait(listen(), 60)
"""
    document = examined(prepare)
    changed = {
        "tcp_max_tw_buckets": ("50, below the 99 usable ports", "A TIME_WAIT above it is"),
        "TIME_WAIT": (
            "50 of at most 50 (tcp_max_tw_buckets); 10 destroyed so far",
            "late segments",
        ),
        "tcp_timestamps": ("off", "nothing tells old segments from new ones"),
        "tcp_fin_timeout": ("15 s; Linux sets 60 s", "It does not change TIME_WAIT"),
        "tcp_rfc1337": ("1; Linux sets 0", "An RST no longer ends a TIME_WAIT"),
        "tcp_tw_reuse": ("0, off for loopback too", "127.0.0.1"),
        "somaxconn": ("128; Linux sets 4,096", "accept queue"),
    }
    assert set(changed) <= about(document)
    for topic, (found, why) in changed.items():
        assert found in finding(document, topic)["found"]
        assert why in finding(document, topic)["why"]
    narrow = finding(document, "port range")
    assert narrow["found"].startswith("40000-40098 has 99 ports, an odd count, 99 usable")
    assert narrow["command"] == 'sudo sysctl -w net.ipv4.ip_local_port_range="32768 60999"'


def test_reuse_everywhere_turns_a_full_range_into_a_rate():
    """With tcp_tw_reuse=1 a range full of TIME_WAIT is ready, and its limit is by the delay."""
    document = examined('sysctl.write("net.ipv4.tcp_tw_reuse", 1)\ntime_wait(listen(), 97)')
    assert finding(document, "ports in use")["level"] == "ready"
    assert document["usage"][0]["sustainable_per_s"] == pytest.approx(100)
    assert "after 1,000 ms, so 100.0/s" in finding(document, "tcp_tw_reuse")["found"]
    assert finding(document, "tcp_tw_reuse")["level"] == "ready"


def test_doctor_changes_nothing():
    """Every setting of the namespace is what it was, and no socket is left behind."""
    watch = """
from pathlib import Path
def seen():
    found = {}
    for path in [*Path("/proc/sys/net/ipv4").rglob("*"), *Path("/proc/sys/net/core").rglob("*")]:
        try:
            found[path] = path.read_text() if path.is_file() else ""
        except OSError:
            pass
    return found, Path("/proc/net/tcp").read_text().count("\\n")
time_wait(listen(), 3)
before = seen()
subprocess.run([sys.executable, "-m", "tw_bench", "doctor"], stdout=subprocess.DEVNULL)
assert before == seen()
"""
    done = run(watch, "--json")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("columns", [60, 80])
def test_the_text_fits_the_terminal(version, columns):
    """The busiest destination stands in the first table; only a command is wider than asked."""
    done = run("time_wait(listen(), 96)", version=version, columns=columns)
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert "96.0" in next(line for line in lines if line.startswith(("198.18.0.1", "2001:2::1")))
    wide = [line for line in lines if len(line) > columns and not line.startswith("do ")]
    assert wide == []


def test_facts_are_read_by_plan():
    """--facts is one JSON object that begins with its format and names the ports that are held."""
    done = run("listen(40007)", "--facts")
    facts = json.loads(done.stdout)
    assert list(facts)[:2] == ["format", "format_version"]
    assert facts["held_ports"] == [40007]
    assert facts["sysctls"]["net.ipv4.ip_local_port_range"].split() == ["40000", "40099"]


def test_a_host_without_user_namespaces_is_well():
    """The switch is named with its command; it is the namespace's own that is turned here.

    What needs a private lab is a profile: doctor PROFILE is blocking.
    """
    document = examined("sysctl.write('user.max_user_namespaces', 0)")
    assert document["status"] == "ready"
    assert finding(document, "user namespaces")["level"] == "advice"
    found = finding(document, "user namespaces")
    assert found["found"] == "forbidden (unshare: ENOSPC; user.max_user_namespaces is 0)"
    assert found["command"] == "sudo sysctl -w user.max_user_namespaces=15000"


def test_another_user_sees_the_sockets_but_not_whose_they_are():
    """Without privilege the leak is counted, and it is said that its owner cannot be seen."""
    if os.geteuid() != 0:
        pytest.skip("only root can be two users")
    prepare = """
for client, server in connect(listen(), 12):
    client.close()
    kept.append(server)
time.sleep(1.2)
"""
    # The command runs as another user who may read this checkout, and no more.
    reads = "-all,+dac_read_search"
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    other += [f"--inh-caps={reads}", f"--ambient-caps={reads}", f"--bounding-set={reads}"]
    epilogue = EPILOGUE.replace("[sys.executable", f"[*{other}, sys.executable")
    prelude = PRELUDE.replace("namespaces.CLONE_NEWUSER | ", "").replace(
        "namespaces.become_root_of_user_namespace(uid, gid)\n", ""
    )
    script = f"VERSION = 4\n{prelude}\n{prepare}\n{epilogue}"
    done = subprocess.run(
        [sys.executable, "-c", script, "--json"], capture_output=True, text=True, check=False
    )
    document = json.loads(done.stdout)
    assert finding(document, "CLOSE_WAIT")["found"].startswith(
        "programs of other users have 12 connections"
    )
    assert document["unseen"] == [
        "who has 12 of the sockets: processes of other users show them to root only"
    ]


def test_a_profile_that_can_be_run_here(tmp_path):
    """doctor PROFILE says how long it takes and what will be wrong with its result."""
    path = tmp_path / "p.yaml"
    path.write_text("title: Mine\nlab: {ports: 33}\nmethod: {window: 90s}\n")
    done = run("", str(path), "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    results = [each["found"] for each in document["findings"] if each["topic"] == "the result"]
    assert any("1.46 echo periods" in text for text in results)
    assert "1 point in 1 wave" in finding(document, "the plan")["found"]


def test_a_profile_that_cannot_be_run_here(tmp_path):
    """What tw-bench run would refuse is blocking, with its words."""
    path = tmp_path / "p.yaml"
    path.write_text(
        "title: Mine\nlab: {ports: 40000-40009, held_ports: 40000-40009,\n"
        "      sysctls: {net.ipv4.no_such: 1}}\nconnection: {active_closer: both}\n"
    )
    prepare = "sysctl.write('user.max_user_namespaces', 0)\nos.environ['PATH'] = ''"
    done = run(prepare, str(path), "--json")
    assert done.returncode == 3, done.stderr
    texts = [each["found"] for each in json.loads(done.stdout)["findings"]]
    assert any("no port is left" in text for text in texts)
    assert any("has no net.ipv4.no_such" in text for text in texts)
    assert any("user namespaces are forbidden" in text for text in texts)
    assert "not installed" in texts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.yaml"], "nowhere.yaml"),
        (["--set", "lab.ports=9"], "--set: changes a profile, and none is given"),
        (["p.yaml", "--facts"], "--facts: describes the host: want it without p.yaml"),
    ],
)
def test_bad_input_is_answered_with_one_line(arguments, message):
    """Usage is wrong: exit code 2 and one line that says what is."""
    done = run("", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_connection_tracking_is_that_of_the_namespace():
    """Each connection is an entry once a rule asks for them: 20 of however many there may be."""
    if shutil.which("nft") is None:
        pytest.skip("needs nft")
    prepare = """
rules = '''
table ip t {
  chain c {
    type filter hook input priority 0
    ct state invalid drop
  }
}
'''
subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
time_wait(listen(), 20)
"""
    document = examined(prepare)
    most = int(document["facts"]["sysctls"]["net.netfilter.nf_conntrack_max"])
    assert finding(document, "conntrack")["found"].startswith(f"20 of {most:,} connections")
