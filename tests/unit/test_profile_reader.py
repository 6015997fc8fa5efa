"""The reader: each way to be wrong is one line: where, what was found, what is wanted."""

import io
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tw_bench.errors import ProfileError
from tw_bench.profile.model import Profile
from tw_bench.profile.quantities import Duration, PortRange, Rate
from tw_bench.profile.reader import Experiment, read

PROFILES = Path(__file__).parents[2] / "profiles"
QUICKSTART = (PROFILES / "quickstart.yaml").read_text()
Read = Callable[..., Experiment]

A_PORTS = "want a count of ports such as 500, or a range such as 32768-60999"
A_RATE = "want a rate above zero such as 400/s, 5k/s, 1.25x or 1.02x textbook"
A_RAMP = "want a ramp such as 10/s to 400/s, or 0.5x to 2x over 1tw"
A_STEP = "want a step such as 400/s for 30s, or 1.25x for 1tw; the last may go without a time"
A_DURATION = "want a duration such as 30s, 500ms, 2m, or 2tw (TIME_WAIT lengths)"
A_SIZE = "want a size such as 64, 4KiB or 1MB"
A_SYSCTL = "want a sysctl of a network namespace such as net.ipv4.tcp_tw_reuse"
A_TITLE = "want a map that begins with title:"
PLAIN = "want plain text, numbers, lists and maps"
TOO_DEEP = "is nested too deeply to be a profile"
TW_REUSE = "lab.sysctls.net.ipv4.tcp_tw_reuse"
LAB_KEYS = (
    "topology, ip_version, ports, sources, destinations, held_ports, "
    "sysctls, client_sysctls, server_sysctls, proxy_sysctls"
)
KEYS = (
    "lab, target, proxy, client, connection, load, method, observe, title, question, claim, "
    "source, sweep, parts, repeat, thresholds, abort_on, find"
)


@pytest.fixture
def read_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Return a function that reads a text (or bytes) as the profile p.yaml."""
    monkeypatch.chdir(tmp_path)

    def read_text(text: str | bytes, *settings: str) -> Experiment:
        Path("p.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(Path("p.yaml"), settings)

    return read_text


def complaint_of(read_text: Read, text: str | bytes, *settings: str) -> str:
    """Return the one line that the reader raises."""
    with pytest.raises(ProfileError) as refusal:
        read_text(text, *settings)
    return str(refusal.value)


# --- keys and shapes: what stands below `title: x` (line 1) → the whole message

SHAPES = {
    "lod: {}": "p.yaml:2: unknown key 'lod': did you mean 'load'?",
    "zzzz: 1": f"p.yaml:2: unknown key 'zzzz': want one of {KEYS}",
    "lab:\n  prots: 5": "p.yaml:3: unknown key 'lab.prots': did you mean 'ports'?",
    "lab:\n  zzzz: 5": f"p.yaml:3: unknown key 'lab.zzzz': want one of {LAB_KEYS}",
    "läb: 5": "p.yaml:2: unknown key 'läb': did you mean 'lab'?",
    "'a\\nb': 5": "p.yaml:2: unknown key 'a\\\\nb': did you mean 'lab'?",
    '"\\e[31m": 5': f"p.yaml:2: unknown key '\\x1b[31m': want one of {KEYS}",
    "2001-01-01: 5": f"p.yaml:2: unknown key '2001-01-01': want one of {KEYS}",
    "lab:\n  <<: {ports: 5}": f"p.yaml:3: unknown key 'lab.<<': want one of {LAB_KEYS}",
    "parts:\n- name: a\n  lab: {prots: 5}": (
        "p.yaml:4: unknown key 'parts.0.lab.prots': did you mean 'ports'?"
    ),
    "parts:\n- nam: a": "p.yaml:3: unknown key 'parts.0.nam': did you mean 'name'?",
    "5: x": "p.yaml:2: the key 5 is not text: want the name of a setting",
    "true: x": "p.yaml:2: the key True is not text: want the name of a setting",
    "null: x": "p.yaml:2: the key None is not text: want the name of a setting",
    "lab:\n  .nan: x": "p.yaml:3: the key nan is not text: want the name of a setting",
    "[1, 2]: x": "p.yaml:2: the key [1, 2] is not text: want the name of a setting",
    "{a: 1}: x": "p.yaml:2: the key {'a': 1} is not text: want the name of a setting",
    "title: y": "p.yaml:2: the key 'title' is there twice (see p.yaml:1)",
    "lab:\n  ports: 5\n  ports: 6": "p.yaml:4: the key 'ports' is there twice (see p.yaml:3)",
    "lab:": "p.yaml:2: lab: got nothing: want a map of settings",
    "lab: 5": "p.yaml:2: lab: got 5: want a map of settings",
    "lab: [1]": "p.yaml:2: lab: got [1]: want a map of settings",
    "lab:\n  sysctls:": "p.yaml:3: lab.sysctls: got nothing: want a map of settings",
    "sweep:": "p.yaml:2: sweep: got nothing: want a map of settings",
    "sweep: [1]": "p.yaml:2: sweep: got [1]: want a map of settings",
    "parts:": "p.yaml:2: parts: got nothing: want a list",
    "parts: abc": "p.yaml:2: parts: got 'abc': want a list",
    "parts: {a: 1}": "p.yaml:2: parts: got {'a': 1}: want a list",
    "parts:\n- ": "p.yaml:3: parts.0: got nothing: want a map of settings",
    "parts:\n- abc": "p.yaml:3: parts.0: got 'abc': want a map of settings",
    "parts:\n- name: a\n  lab:": "p.yaml:4: parts.0.lab: got nothing: want a map of settings",
    "parts:\n- title: a": "p.yaml:3: parts.0.name: is missing",
    "parts:\n- name: 5": "p.yaml:3: parts.0.name: got 5: want text",
    "parts:\n- name: ../x": (
        "p.yaml:3: parts.0.name: got '../x': "
        "want small letters, digits and dashes, such as time-lapse"
    ),
    f"parts:\n- name: {'a' * 41}": (
        f"p.yaml:3: parts.0.name: got '{'a' * 41}': want at most 40 characters"
    ),
    "question: [1]": "p.yaml:2: question: got [1]: want text",
}


@pytest.mark.parametrize(("below", "message"), SHAPES.items(), ids=SHAPES)
def test_keys_and_shapes(read_text, below, message):
    """A misspelt key, a key that is no name, a value of the wrong shape: named with its line."""
    assert message == complaint_of(read_text, f"title: x\n{below}\n")


# --- values: path and value → what the message says after `p.yaml:3: PATH: `

VALUES = [
    ("lab.ports", "5000-4000", "'5000-4000' is empty: want at least two ports"),
    ("lab.ports", "0", "0 is empty: want at least two ports"),
    ("lab.ports", "5000-5000", "'5000-5000' holds a single port: want at least two"),
    ("lab.ports", "1", "1 holds a single port: want at least two"),
    ("lab.ports", "-5", f"got -5: {A_PORTS}"),
    (
        "lab.ports",
        "1000-2000",
        "'1000-2000' starts at 1000, below ip_unprivileged_port_start: "
        "want 1024 or more (64,512 ports at the most)",
    ),
    ("lab.ports", "60000-70000", "'60000-70000' ends at 70000: want 65535 or less"),
    ("lab.ports", "99999", "99999 is more than there are: want at most 64,512 (1024 to 65535)"),
    ("lab.ports", "5.5", f"got 5.5: {A_PORTS}"),
    ("lab.ports", "true", f"got true: {A_PORTS}"),
    ("lab.ports", "", f"got nothing: {A_PORTS}"),
    ("lab.ports", "[1, 2]", f"got [1, 2]: {A_PORTS}"),
    ("lab.ports", "'5,000'", f"got '5,000': {A_PORTS}"),
    ("lab.ports", '"5\\n6"', f"got '5\\n6': {A_PORTS}"),
    ("lab.ports", '"\\e[31m"', f"got '\\x1b[31m': {A_PORTS}"),
    ("lab.ports", "٥٠٠", f"got '٥٠٠': {A_PORTS}"),
    ("lab.ports", "x" * 70, f"got '{'x' * 56}...: {A_PORTS}"),
    ("lab.ip_version", "5", "got 5: want 4 or 6"),
    ("lab.ip_version", "'4'", "got '4': want 4 or 6"),
    ("lab.topology", "pears", "got 'pears': want 'pair', 'loopback', 'own_address' or 'host'"),
    (
        "lab.topology",
        "host",
        "on the host, autobind would take the whole range of this machine: "
        "want connection.source_port: socket_range",
    ),
    (
        "target.port",
        "40000",
        "the target's port 40000 lies inside the client's range 32768-60999, so a client could "
        "connect to itself: want it outside",
    ),
    ("target.port", "0", "got 0: want 1 or more"),
    ("target.port", "65536", "got 65536: want 65535 or less"),
    ("target.backlog", "99999999999", "got 99999999999: want 1000000 or less"),
    ("connection.request_bytes", "1GB", f"got '1GB': {A_SIZE}"),
    ("connection.request_bytes", "1.5", f"got 1.5: {A_SIZE}"),
    ("connection.request_bytes", "0", "got 0: want 1 or more"),
    ("connection.request_bytes", "true", f"got true: {A_SIZE}"),
    ("connection.response_bytes", "9" * 400, f"got '{'9' * 56}...: {A_SIZE}"),
    ("connection.response_bytes", "0x" + "f" * 5000, f"got '0x{'f' * 54}...: {A_SIZE}"),
    ("load.rate", "0/s", f"got '0/s': {A_RATE}"),
    ("load.rate", "-5/s", f"got '-5/s': {A_RATE}"),
    ("load.rate", "5k", f"got '5k': {A_RATE}"),
    ("load.rate", "5", f"got 5: {A_RATE}"),
    ("load.rate", "fast", f"got 'fast': {A_RATE}"),
    ("load.rate", "true", f"got true: {A_RATE}"),
    ("load.rate", "9M/s", "got 9000000/s: want 0.001/s to 1,000,000/s"),
    ("load.rate", "0.0001/s", "got 0.0001/s: want 0.001/s to 1,000,000/s"),
    ("load.rate", "5000x", "got 5000x sustainable: want 0.001x to 1,000x"),
    ("load.ramp", "5", f"got 5: {A_RAMP}"),
    ("load.ramp", "5/s to", f"got '5/s to': {A_RAMP}"),
    ("load.ramp", "5/s to fast", f"got '5/s to fast': {A_RAMP}"),
    ("load.ramp", "5/s to 9/s over 0s", f"got '5/s to 9/s over 0s': {A_RAMP}"),
    (
        "load.ramp",
        "2x to 2x sustainable",
        "got '2x to 2x sustainable': want two different rates; load.rate is for one that stays",
    ),
    ("load.ramp", "5/s to 9M/s", "got 9000000/s: want 0.001/s to 1,000,000/s"),
    ("load.ramp", "1x to 2x over 200h", "got 720000s: want at most a week"),
    (
        "load.ramp",
        "1x to 2x over 4tw",
        "takes 4tw, the fill and the window 3tw: want a shorter ramp, or a longer method.window",
    ),
    ("load.steps", "5/s", "got '5/s': want a list"),
    ("load.steps", "[]", "got []: want 1 or more"),
    ("load.steps", "[5/s, 6/s]", "step 1 has no time: want one such as 5/s for 30s"),
    ("load.steps", "[0.0001/s for 3tw]", "got 0.0001/s: want 0.001/s to 1,000,000/s"),
    (
        "load.steps",
        "[1x for 1tw, 2x for 1tw]",
        "take 2tw, the fill and the window 3tw: want method.fill and method.window to be as long, "
        "or a last step without a time",
    ),
    (
        "load.steps",
        "[1x for 1tw, 1.5x for 2tw, 2x]",
        "take 3tw before the last, the fill and the window 3tw: want shorter steps, or a longer "
        "method.window",
    ),
    ("load.arrivals", "normal", "got 'normal': want 'constant' or 'poisson'"),
    ("load.closed_loop", "0", "got 0: want 1 or more"),
    ("load.closed_loop", "true", "got true: want a whole number"),
    ("load.closed_loop", "'16'", "got '16': want a whole number"),
    ("load.closed_loop", "16.0", "got 16.0: want a whole number"),
    ("load.workers", "65", "got 65: want 64 or less"),
    ("load.timeout", "1h", "got 3600s: want 1ms to 600s"),
    ("load.timeout", "1tw", "got 1tw: want 1ms to 600s"),
    ("method.window", "5d", f"got '5d': {A_DURATION}"),
    ("method.window", "1e999", f"got inf: {A_DURATION}"),
    ("method.window", ".inf", f"got inf: {A_DURATION}"),
    ("method.window", ".nan", f"got nan: {A_DURATION}"),
    ("method.window", "-5", f"got -5: {A_DURATION}"),
    ("method.window", "0", "got 0s: want 100ms (or 0.1tw) or more"),
    ("method.window", "1e9", "got 1000000000s: want at most a week"),
    ("method.fill", "10080.1tw", "got 10080.1tw: want at most a week"),
    ("observe.interval", "0", "got 0s: want 10ms to 60s"),
    ("observe.interval", "1tw", "got 1tw: want 10ms to 60s"),
]


@pytest.mark.parametrize(("path", "value", "message"), VALUES, ids=lambda text: text[:30])
def test_values(read_text, path, value, message):
    """A value out of range, of another type or unit: named with its line and what is wanted."""
    section, _, key = path.partition(".")
    text = f"title: x\n{section}:\n  {key}: {value}\n"
    assert f"p.yaml:3: {path}: {message}" == complaint_of(read_text, text)


GOOD = {  # two values that stand before the wrong one
    "lab.ip_version": (4, 6),
    "load.rate": ("1x", "2x"),
    "load.ramp": ("1x to 2x", "1x to 3x"),
    "load.steps": ("[1x]", "[2x]"),
    "load.arrivals": ("constant", "poisson"),
    "load.workers": (1, 2),
    "observe.interval": (1, 2),
}
SWEPT = [case for case in VALUES if case[0] != "lab.topology"]  # which has no second good value


@pytest.mark.parametrize(("path", "value", "message"), SWEPT, ids=lambda text: text[:30])
def test_values_of_a_sweep(read_text, path, value, message):
    """The third value of a sweep is judged like any other, and reported at its own line."""
    first, second = GOOD.get(path, (100, 200))
    text = f"title: x\nsweep:\n  {path}:\n  - {first}\n  - {second}\n  - {value}\n"
    assert f"p.yaml:6: {path}: {message}" == complaint_of(read_text, text)


SYSCTLS = [
    (
        "net.ipv4.tcp_tw_recycle: 1",
        "was removed in Linux 4.12 (commit 4396e46187ca): it dropped clients behind NAT, and "
        "timestamps are random per connection since 4.10: want net.ipv4.tcp_tw_reuse",
    ),
    ("net.ipv4.ip_local_port_range: 1 2", "is set by lab.ports: want the range there"),
    ("kernel.pid_max: 1", f"got 'kernel.pid_max': {A_SYSCTL}"),
    ("net/ipv4/../../kernel/x: 1", f"got 'net/ipv4/../../kernel/x': {A_SYSCTL}"),
    ("net.ipv4.tcp_tw_reuse: true", "got true: want a number or text, as in /proc/sys"),
    ("net.ipv4.tcp_tw_reuse: 1.5", "got 1.5: want a number or text, as in /proc/sys"),
    ("net.ipv4.tcp_tw_reuse: [1]", "got [1]: want a number or text, as in /proc/sys"),
    ("net.ipv4.tcp_tw_reuse:", "got nothing: want a number or text, as in /proc/sys"),
    ('net.ipv4.tcp_rmem: "1\\n2"', "got '1\\n2': want one short line, as in /proc/sys"),
    ("net.ipv4.tcp_tw_reuse: lots", "got 'lots': want 0 to 2"),
    ("net.ipv4.tcp_tw_reuse: 3", "got 3: want 0 to 2"),
    ("net.ipv4.tcp_tw_reuse_delay: 0", "got 0: want 1 to 60000"),
]


@pytest.mark.parametrize(("line", "message"), SYSCTLS, ids=lambda text: text[:30])
@pytest.mark.parametrize("key", ["sysctls", "client_sysctls", "server_sysctls", "proxy_sysctls"])
def test_sysctls(read_text, key, line, message):
    """A sysctl outside the namespace, gone from Linux, or with an impossible value is refused."""
    text = f"title: x\nlab:\n  {key}:\n    {line}\n"
    assert f"p.yaml:4: lab.{key}.{line.partition(':')[0]}: {message}" == complaint_of(
        read_text, text
    )


# --- YAML itself: whole file → the whole message

FILES = {
    "": f"p.yaml: is empty: {A_TITLE}",
    "# nothing\n": f"p.yaml: is empty: {A_TITLE}",
    "- a\n": f"p.yaml: holds a list: {A_TITLE}",
    "hello\n": f"p.yaml: holds the text 'hello': {A_TITLE}",
    "lab: {}\n": "p.yaml: title: is missing",
    "title: 5\n": "p.yaml:1: title: got 5: want text",
    "title: ''\n": "p.yaml:1: title: got '': want at least 1 character",
    "title: x\nlab: {ports: 5\n": "p.yaml:3: not YAML: expected ',' or '}', but got '<stream end>'",
    "title: x\nlab:\n ports: 5\n  x: 5\n": (
        "p.yaml:4: not YAML: mapping values are not allowed here"
    ),
    "title: x\nlab:\n\tports: 5\n": (
        "p.yaml:3: not YAML: found character '\\t' that cannot start any token"
    ),
    "title: x\n---\ntitle: y\n": (
        "p.yaml:2: not YAML: expected a single document in the stream, but found another document"
    ),
    "title: x\na: &a [1]\nb: *a\n": "p.yaml:2: has an anchor (&a): write the value out",
    "title: &t x\n": "p.yaml:1: has an anchor (&t): write the value out",
    "title: x\nb: *a\n": "p.yaml:2: not YAML: found undefined alias 'a'",
    "title: !!python/object:os.system x\n": (
        f"p.yaml:1: has the tag !!python/object:os.system: {PLAIN}"
    ),
    "title: !!python/object/apply:os.system ['x']\n": (
        f"p.yaml:1: has the tag !!python/object/apply:os.system: {PLAIN}"
    ),
    "!foo {title: x}\n": f"p.yaml:1: has the tag !foo: {PLAIN}",
    "title: x\nlab: !!set {a, b}\n": f"p.yaml:2: has the tag !!set: {PLAIN}",
    "title: !!binary aGVsbG8=\n": f"p.yaml:1: has the tag !!binary: {PLAIN}",
    "title: !!int abc\n": "p.yaml:1: 'abc' is not what its tag !!int says",
    "title: !!int\n": "p.yaml:1: '' is not what its tag !!int says",
    "&a title: &a x\n": "p.yaml:1: has an anchor (&a): write the value out",
    'title: "\\udc80"\n': "p.yaml:1: title: got '\\udc80': want text",
    "title: !!bool abc\n": "p.yaml:1: 'abc' is not what its tag !!bool says",
    "title: a\0b\n": "p.yaml: not YAML: special characters are not allowed",
    b"\x7fELF\x02\x01\x01": "p.yaml: not YAML: special characters are not allowed",
    b"title: caf\xe9\n": "p.yaml: is not UTF-8 text (byte 10)",
    "title: x\n".encode("utf-16"): "p.yaml: is not UTF-8 text (byte 0)",
    b"#" * (64 * 1024 + 1): "p.yaml: is larger than 64 KiB: not a profile",
    "title: x\na: " + "[" * 600: f"p.yaml: {TOO_DEEP}",
    "title: x\na: " + "[" * 20 + "]" * 20: f"p.yaml:2: {TOO_DEEP}",
    "- " * 3000: f"p.yaml: {TOO_DEEP}",
}


@pytest.mark.parametrize(("text", "message"), FILES.items(), ids=lambda text: repr(text)[:30])
def test_files(read_text, text, message):
    """What is not YAML, or says in YAML what no profile needs, is refused by name and line."""
    assert message == complaint_of(read_text, text)


def test_a_yaml_bomb_is_refused_at_its_first_anchor(read_text):
    """Nine lines of aliases that stand for a billion values are not unfolded."""
    lines = ["title: x", "a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in itertools.pairwise("abcdefghi")
    ]
    assert "p.yaml:2: has an anchor (&a): write the value out" == complaint_of(
        read_text, "\n".join(lines)
    )


def test_a_missing_file_names_the_nearest_one(read_text):
    """A file that is not there is named with the profile that was probably meant."""
    read_text(QUICKSTART)
    Path("profiles").mkdir()
    Path("profiles/quickstart.yaml").touch()
    for path, hint in (
        ("q.yaml", "; did you mean p.yaml?"),
        ("quickstrat.yaml", "; did you mean profiles/quickstart.yaml?"),
        ("quickstart", "; did you mean profiles/quickstart.yaml?"),
        ("profiles/quikstart.yml", "; did you mean profiles/quickstart.yaml?"),
        ("nowhere/at-all-else.yaml", ""),
    ):
        with pytest.raises(ProfileError) as refusal:
            read(Path(path))
        assert f"{path}: no such file{hint}" == str(refusal.value)


def test_a_directory_is_no_profile(tmp_path):
    """A directory is refused as one."""
    with pytest.raises(ProfileError, match=r": is a directory: want a profile, a YAML file$"):
        read(tmp_path)


def test_an_unreadable_file_says_why(read_text, monkeypatch):
    """A file that cannot be read is named with the kernel's reason."""

    def refuse(*_: object, **__: object) -> io.BufferedReader:
        raise PermissionError(13, os.strerror(13))

    read_text(QUICKSTART)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ProfileError, match=r"^p\.yaml: cannot be read: Permission denied$"):
        read(Path("p.yaml"))


# --- arrivals, sweeps, parts

CROSSED = {
    "load:\n  rate: 5/s\n  closed_loop: 3": (
        "p.yaml:2: load: gives both rate and closed_loop: want one of them"
    ),
    "parts:\n- name: a\n  load:\n    rate: 5/s\n    closed_loop: 3": (
        "p.yaml:4: parts.0.load: gives both rate and closed_loop: want one of them"
    ),
    "sweep:\n  load.rate: [1x]\n  load.closed_loop: [5]": (
        "p.yaml:4: sweeps both load.rate and load.closed_loop: want one of them"
    ),
    "load:\n  rate: 5/s\n  ramp: 1x to 2x\n  steps: [1x]": (
        "p.yaml:2: load: gives rate, ramp and steps: want one of them"
    ),
    "load:\n  steps:\n  - 5/s for 3tw\n  - 5/s to 9/s": (
        f"p.yaml:5: load.steps.1: got '5/s to 9/s': {A_STEP}"
    ),
    "load:\n  arrivals: poisson\n  closed_loop: 3": (
        "p.yaml:3: load.arrivals: got 'poisson': is for an open loop: want load.rate"
    ),
    "load:\n  ramp: 1x to 2x\n  command: [curl]": (
        "p.yaml:4: load.command: has a pace of its own: "
        "want it without load.rate, ramp, steps and closed_loop"
    ),
    "sweep:\n  load.steps: [[1x]]\n  load.ramp: [1x to 2x]\n  load.closed_loop: [5]": (
        "p.yaml:5: sweeps both load.ramp and load.closed_loop: want one of them"
    ),
    "lab:\n  topology: host\n  client_sysctls: {net.ipv4.tcp_tw_reuse: 1}": (
        "p.yaml:4: lab.client_sysctls.net.ipv4.tcp_tw_reuse: "
        "topology host never writes a sysctl of this machine: want pair"
    ),
    "lab:\n  topology: host\n  ports: 9000-9999\nconnection: {source_port: socket_range}": (
        "p.yaml:4: lab.ports: the target's port 9080 lies inside the client's range 9000-9999, "
        "so a client could connect to itself: want it outside"
    ),
    "sweep: {lab.ports: 5}": "p.yaml:2: sweep.lab.ports: got 5: want a list",
    "sweep:\n  lab.ports: []": "p.yaml:3: sweep.lab.ports: is empty: want at least one value",
    "sweep:\n  lab.prots: [1]": "p.yaml:3: no such setting 'lab.prots': did you mean 'lab.ports'?",
    "sweep:\n  lab.sysctls: [1]": (
        "p.yaml:3: no such setting 'lab.sysctls': did you mean 'lab.sysctls.net.ipv4.NAME'?"
    ),
    "sweep:\n  title: [a, b]": "p.yaml:3: no such setting 'title': want a path such as load.rate",
    "sweep:\n  lab.ports: [5, 6,\n    5]": (
        "p.yaml:4: a second point is called 'ports=5': want distinct part names and sweep values"
    ),
    "parts:\n- name: a\n- name: a": (
        "p.yaml:4: a second point is called 'a': want distinct part names and sweep values"
    ),
    f"sweep:\n  lab.ports: {list(range(2, 203))}": "p.yaml:2: gives 201 points: want at most 200",
    "sweep:"
    + "".join(
        f"\n  {path}: {list(range(1, 101))}"
        for path in ("target.backlog", "load.max_in_flight", "target.port", "load.closed_loop")
    ): "p.yaml:2: gives 100000000 points: want at most 200",
}


@pytest.mark.parametrize(("below", "message"), CROSSED.items(), ids=lambda text: text[:30])
def test_what_does_not_go_together(read_text, below, message):
    """Contradictions between settings, sweeps and parts are named with the line to mend."""
    assert message == complaint_of(read_text, f"title: x\n{below}\n")


AN_HTTP = "target: {protocol: http}\nclient:\n  kind: "
HEADERS_SAY = "with HTTP the headers say who closes: want client.http_version or connection_header"
OWN_IDLE = "a library has its own, 15 s of aiohttp and 5 s of httpx: want it left out"
NO_SESSION = "is of a library: want connection.requests_per_connection"
CLIENTS = {
    "client:\n  kind: http": (
        "3: client.kind: got 'http': the target takes bytes: want target.protocol: http"
    ),
    "client:\n  kind: httpx": (
        "3: client.kind: got 'httpx': the target takes bytes: want target.protocol: http"
    ),
    "target:\n  protocol: http": (
        "3: target.protocol: got 'http': the client sends bytes: want client.kind: http"
    ),
    "client:\n  http_version: '1.0'": (
        "3: client.http_version: got '1.0': is of HTTP: want client.kind http or aiohttp"
    ),
    "client:\n  connection_header: close": (
        "3: client.connection_header: got 'close': is of HTTP: "
        "want client.kind http, aiohttp or httpx"
    ),
    f"{AN_HTTP}httpx\n  http_version: '1.0'": (
        "5: client.http_version: got '1.0': httpx speaks 1.1 alone: "
        "want client.kind http or aiohttp"
    ),
    "client:\n  session: per_request": f"3: client.session: got 'per_request': {NO_SESSION}",
    f"{AN_HTTP}http\n  session: per_request": (
        f"5: client.session: got 'per_request': {NO_SESSION}"
    ),
    f"{AN_HTTP}http\n  pool_limit: 5": (
        "5: client.pool_limit: got 5: is of a library: want connection.pool"
    ),
    f"{AN_HTTP}aiohttp\n  session: per_request\n  pool_limit: 5": (
        "6: client.pool_limit: got 5: a session of one request has one connection: "
        "want client.session: shared"
    ),
    f"{AN_HTTP}httpx\n  force_close: true": (
        "5: client.force_close: got true: is of client.kind aiohttp: want that"
    ),
    f"{AN_HTTP}http\nconnection:\n  active_closer: server": (
        f"6: connection.active_closer: got 'server': {HEADERS_SAY}"
    ),
    f"{AN_HTTP}http\nconnection:\n  close: rst": (
        "6: connection.close: got 'rst': HTTP ends a connection by a FIN: want fin"
    ),
    f"{AN_HTTP}http\nconnection:\n  request_bytes: 100": (
        "6: connection.request_bytes: got 100: a GET is as long as its headers: want it left out"
    ),
    f"{AN_HTTP}aiohttp\nconnection:\n  source_port: bind_zero": (
        "6: connection.source_port: got 'bind_zero': a library leaves it to connect(): "
        "want autobind"
    ),
    f"{AN_HTTP}httpx\nconnection:\n  reuse_address: true": (
        "6: connection.reuse_address: got true: a library makes its own sockets: want false"
    ),
    f"{AN_HTTP}httpx\nconnection:\n  requests_per_connection: 10": (
        "6: connection.requests_per_connection: got 10: a library does not count: "
        "want client.session or client.force_close"
    ),
    f"{AN_HTTP}aiohttp\nconnection:\n  pool: 5": (
        "6: connection.pool: got 5: a library has its own pool: want client.pool_limit"
    ),
    f"{AN_HTTP}aiohttp\nconnection:\n  idle_timeout: 5s": (
        f"6: connection.idle_timeout: got 5s: {OWN_IDLE}"
    ),
    f"{AN_HTTP}aiohttp\nlab:\n  sources: 2": (
        "6: lab.sources: got 2: a library binds to no address: want 1"
    ),
    f"{AN_HTTP}aiohttp\nlab:\n  topology: host": (
        "6: lab.topology: got 'host': aiohttp would take the whole range of this machine: want pair"
    ),
    f"{AN_HTTP}httpx\nmethod:\n  fill_source_port: socket_range": (
        "6: method.fill_source_port: got 'socket_range': a library has one way: want same"
    ),
}


@pytest.mark.parametrize(("below", "message"), CLIENTS.items(), ids=lambda text: text[-40:])
def test_what_a_client_would_not_heed(read_text, below, message):
    """A setting that says nothing to the kind of client is refused at its line, never ignored."""
    assert f"p.yaml:{message}" == complaint_of(read_text, f"title: x\n{below}\n")


A_PROXY = "target: {protocol: http}\nclient: {kind: http}\nproxy:\n  kind: "
PROXIES = {
    f"{A_PROXY}nginx\n  config: mine.conf\n  keepalive: 7": (
        "7: proxy.keepalive: is said by your own file mine.conf: want one of them"
    ),
    "proxy:\n  keepalive: 32": "3: proxy.keepalive: is of no use without a proxy: want proxy.kind",
    "lab:\n  proxy_sysctls: {net.ipv4.tcp_tw_reuse: 1}": (
        "3: lab.proxy_sysctls: there is no proxy: want proxy.kind"
    ),
    "proxy:\n  kind: nginx": (
        "3: proxy.kind: got 'nginx', which speaks HTTP: want target.protocol: http and "
        "client.kind: http"
    ),
    f"{A_PROXY}nginx\n  source_ports: 500": (
        "6: proxy.source_ports: is HAProxy's, not nginx's: want proxy.kind haproxy"
    ),
    f"{A_PROXY}caddy\n  nolinger: true": (
        "6: proxy.nolinger: is HAProxy's, not caddy's: want proxy.kind haproxy"
    ),
    f"{A_PROXY}nginx\n  keepalive: 32\n  upstream_protocol: '1.0'": (
        "6: proxy.keepalive: got 32 with HTTP/1.0 and Connection: none: no connection is left to "
        "be kept: want 0"
    ),
    f"{A_PROXY}nginx\nlab:\n  topology: loopback": (
        "7: lab.topology: a proxy stands between two namespaces: want pair"
    ),
    f"{A_PROXY}nginx\nconnection: {{source_port: bind_no_port}}\nlab:\n  sources: 2": (
        "8: lab.sources: are of the client; a proxy has one address towards its target: want 1"
    ),
}


@pytest.mark.parametrize(("below", "message"), PROXIES.items(), ids=lambda text: text[-40:])
def test_what_contradicts_a_proxy(read_text, below, message):
    """A setting of another proxy, or of none, is refused at its line, never ignored."""
    assert f"p.yaml:{message}" == complaint_of(read_text, f"title: x\n{below}\n")


def test_a_version_of_http_needs_no_quotes(read_text):
    """YAML reads 1.0 as a number, and a person means the version."""
    (point,) = read_text(f"title: x\n{A_PROXY}nginx\n  upstream_protocol: 1.0\n").points
    assert point.proxy.upstream_protocol == "1.0"


def test_an_error_that_a_part_makes_is_reported_in_the_part(read_text):
    """A port that only one part puts inside the range is reported at that part's line."""
    text = (
        "title: x\nlab:\n  ports: 500\ntarget:\n  port: 2000\nparts:\n"
        "- name: fine\n- name: wrong\n  lab:\n    ports: 1024-65535\n  target:\n    port: 3000\n"
    )
    assert complaint_of(read_text, text).startswith(
        "p.yaml:12: target.port: the target's port 3000"
    )


def test_a_part_is_laid_over_the_profile_key_by_key(read_text):
    """What a part says goes over what the profile says; the rest of a section stays."""
    text = """
title: x
lab: {ports: 500, sysctls: {net.ipv4.tcp_tw_reuse: 1, net.ipv4.tcp_timestamps: 1}}
load: {closed_loop: 4, timeout: 2s}
parts:
  - name: a
    lab: {ip_version: 6, sysctls: {net.ipv4.tcp_timestamps: 0}}
    load: {rate: 5/s}
  - name: b
"""
    a, b = read_text(text).points
    assert a.lab.sysctls == {"net.ipv4.tcp_tw_reuse": 1, "net.ipv4.tcp_timestamps": 0}
    assert (PortRange(32_768, 33_267), 6) == (a.lab.ports, a.lab.ip_version)
    assert (Rate(5, "/s"), None, Duration(2, "s")) == (
        a.load.rate,
        a.load.closed_loop,
        a.load.timeout,
    )
    assert (4, 4, None) == (b.lab.ip_version, b.load.closed_loop, b.load.rate)


def test_a_part_that_names_its_arrival_leaves_the_sweep_of_the_other(read_text):
    """What a part says, or sweeps, takes the place of the profile's sweep of the same thing."""
    text = """
title: x
sweep: {load.rate: [1x, 2x], lab.ports: [50]}
parts:
  - name: a
  - {name: b, load: {closed_loop: 4}}
  - {name: c, sweep: {load.closed_loop: [1, 2]}}
  - {name: d, load: {rate: 7/s}, lab: {ports: 60}}
"""
    points = read_text(text).points
    assert [point.id for point in points] == [
        "a/rate=1x,ports=50",
        "a/rate=2x,ports=50",
        "b/ports=50",
        "c/ports=50,closed_loop=1",
        "c/ports=50,closed_loop=2",
        "d",
    ]
    assert (60, "7/s") == (points[-1].lab.ports.count, str(points[-1].load.rate))


def test_a_sweep_goes_over_what_the_sections_say(read_text):
    """A swept arrival takes the place of the other kind, and a swept sysctl keeps the rest."""
    text = """
title: x
load: {rate: 5/s}
lab: {sysctls: {net.ipv4.tcp_timestamps: 1}}
sweep: {load.closed_loop: [3], lab.sysctls.net.ipv4.tcp_tw_reuse: [0, 1]}
"""
    first, second = read_text(text).points
    assert ("closed_loop=3,tcp_tw_reuse=0", None) == (first.id, first.load.rate)
    assert second.lab.sysctls == {"net.ipv4.tcp_timestamps": 1, "net.ipv4.tcp_tw_reuse": 1}
    assert second.parameters == {
        "load.closed_loop": 3,
        "lab.sysctls.net.ipv4.tcp_tw_reuse": 1,
    }


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ("lab: {ports: 5_000}", PortRange(32_768, 37_767)),
        ("lab: {ports: 0x100}", PortRange(32_768, 33_023)),
        ("lab: {ports: !!int '300'}", PortRange(32_768, 33_067)),
        ("lab:\n  ports: |\n    300\n", PortRange(32_768, 33_067)),
        ("load: {rate: null}", PortRange(32_768, 60_999)),
    ],
)
def test_yaml_spellings_of_a_number(read_text, below, expected):
    """Every spelling that YAML has for a number is a number; null is the default where one is."""
    (point,) = read_text(f"title: x\n{below}\n").points
    assert expected == point.lab.ports


def test_text_is_kept_as_written(read_text):
    """Dates and unicode stay text, a BOM is no character, and a title is one line."""
    text = "\ufefftitle: |\n  two\n  lines ☃\nquestion: 2001-01-01\n"
    experiment = read_text(text)
    assert ("two lines ☃", "2001-01-01") == (experiment.profile.title, experiment.profile.question)
    assert (text, "p", "point") == (experiment.verbatim, experiment.name, experiment.points[0].id)


# --- --set

SETTINGS = {
    "load.rate": "--set load.rate: want PATH=VALUE such as load.rate=400/s",
    "load.rate=": "--set load.rate=: want PATH=VALUE such as load.rate=400/s",
    "=5": "--set =5: want PATH=VALUE such as load.rate=400/s",
    "load.rate=5": f"--set load.rate=5: load.rate: got 5: {A_RATE}",
    "load.rat=5/s": "--set load.rat=5/s: no such setting 'load.rat': did you mean 'load.rate'?",
    "load=5": "--set load=5: no such setting 'load': did you mean 'load.rate'?",
    "lab..ports=5": "--set lab..ports=5: no such setting 'lab..ports': did you mean 'lab.ports'?",
    "lab.ports.x=5": (
        "--set lab.ports.x=5: no such setting 'lab.ports.x': did you mean 'lab.ports'?"
    ),
    "title=x": "--set title=x: no such setting 'title': want a path such as load.rate",
    "lab.sysctls={}": (
        "--set lab.sysctls={}: no such setting 'lab.sysctls': "
        "did you mean 'lab.sysctls.net.ipv4.NAME'?"
    ),
    "lab.sysctls.x=5": f"--set lab.sysctls.x=5: lab.sysctls.x: got 'x': {A_SYSCTL}",
    "lab.ports=[1": "--set lab.ports=[1: not YAML: expected ',' or ']', but got '<stream end>'",
    "lab.ports=&a 5": "--set lab.ports=&a 5: has an anchor (&a): write the value out",
    "lab.ports=!!python/object:os.system x": (
        "--set lab.ports=!!python/object:os.system x: has the tag !!python/object:os.system: "
        + PLAIN
    ),
    "lab.ports=" + "[" * 600: f"--set lab.ports={'[' * 67}...: {TOO_DEEP}",
    "lab.ports=a\nb": f"--set lab.ports=a\\nb: lab.ports: got 'a b': {A_PORTS}",
    "lab.ports=\0": "--set lab.ports=\\x00: not YAML: special characters are not allowed",
    "lab.ports=\udc80": "--set lab.ports=\\udc80: not YAML: special characters are not allowed",
    "target.port=33000": (
        "--set target.port=33000: target.port: the target's port 33000 lies inside the client's "
        "range 32768-33267, so a client could connect to itself: want it outside"
    ),
}


@pytest.mark.parametrize(("setting", "message"), SETTINGS.items(), ids=lambda text: text[:30])
def test_settings(read_text, setting, message):
    """A --set that is wrong is quoted as the place of the error, on one line."""
    assert message == complaint_of(read_text, QUICKSTART, setting)


def test_a_setting_does_not_paper_over_a_mistake(read_text):
    """A profile is judged as written, whatever a --set would replace."""
    message = complaint_of(read_text, "title: x\nload: {rate: fast}\n", "load.rate=5/s")
    assert f"p.yaml:2: load.rate: got 'fast': {A_RATE}" == message


def test_a_setting_goes_over_profile_parts_and_sweep(read_text):
    """--set wins over what the profile, each part and each sweep say of the same thing."""
    text = """
title: x
lab: {ports: 100}
parts:
  - {name: a, lab: {ports: 200}}
  - {name: b, sweep: {lab.ports: [1000, 2000]}}
"""
    points = read_text(text, "lab.ports=300", " method.window = 5s ").points
    assert [("a", 300), ("b", 300)] == [(point.id, point.lab.ports.count) for point in points]
    assert {Duration(5, "s")} == {point.method.window for point in points}


@pytest.mark.parametrize(
    "text",
    [
        "load: {rate: 5/s}",
        "load: {closed_loop: 2}",
        "sweep: {load.rate: [1x, 2x]}",
        "sweep: {load.closed_loop: [1, 2]}",
        "parts: [{name: a, load: {rate: 5/s}}]",
        "parts: [{name: a, load: {closed_loop: 5}}]",
        "parts: [{name: a, sweep: {load.rate: [1x, 2x]}}]",
        "load: {rate: 5/s}\nparts: [{name: a, load: {closed_loop: 2, workers: 3}}]",
    ],
)
def test_a_setting_of_one_arrival_unsays_the_other(read_text, text):
    """--set load.rate replaces a closed loop, --set load.closed_loop a rate, wherever it stands."""
    (closed,) = read_text(f"title: x\n{text}\n", "load.closed_loop=16").points
    (opened,) = read_text(f"title: x\n{text}\n", "load.rate=7/s").points
    assert (16, None) == (closed.load.closed_loop, closed.load.rate)
    assert (None, Rate(7, "/s")) == (opened.load.closed_loop, opened.load.rate)


def test_rates_over_time_are_read_as_they_are_said(read_text):
    """A ramp goes on to the end or stays at its last rate; steps come as they stand."""
    text = """
title: x
method: {fill: 0s, window: 1m}
parts:
  - {name: plain}
  - {name: ramp, load: {ramp: 0.5x to 1.02x textbook}}
  - {name: over, load: {ramp: 400/s to 1.5k/s over 10s}}
  - {name: steps, load: {steps: [1x for 20s, 5/s for 10s, 7/s]}}
  - {name: whole, load: {steps: [5/s for 20s, 7/s for 40s]}}
  - {name: closed, load: {closed_loop: 4}}
"""
    read = {
        point.id: [str(each) for each in point.load.stretches] for point in read_text(text).points
    }
    assert read == {
        "plain": ["1.25x sustainable"],
        "ramp": ["0.5x sustainable to 1.02x textbook"],
        "over": ["400/s to 1500/s over 10s", "1500/s"],
        "steps": ["1x sustainable for 20s", "5/s for 10s", "7/s"],
        "whole": ["5/s for 20s", "7/s for 40s"],
        "closed": [],
    }


@pytest.mark.parametrize(
    "said", ["load.ramp=0.5x to 2x over 1tw", "load.steps=[1x for 1tw, 5/s for 2tw]"]
)
def test_a_setting_of_rates_over_time_unsays_the_rate(read_text, said):
    """--set load.ramp and load.steps take the place of a rate, and are written as they are read."""
    (point,) = read_text("title: x\nload: {rate: 5/s, arrivals: poisson}\n", said).points
    assert point.load.rate is None
    written = json.dumps({"title": "x", "load": point.load.model_dump(mode="json")})
    assert point.load == read_text(written).points[0].load


def test_the_last_setting_wins(read_text):
    """Of two settings that exclude each other the later one holds."""
    settings = ("load.rate=5/s", "load.closed_loop=3", "load.rate=6/s")
    assert {"6/s"} == {str(point.load.rate) for point in read_text(QUICKSTART, *settings).points}


# --- the whole


def test_the_quick_start_unfolds_into_seven_points(read_text):
    """The shipped quick start reads as one real-minute point and six in time-lapse."""
    experiment = read_text(QUICKSTART)
    swept = [f"time-lapse/ports={ports}" for ports in (50, 100, 200, 500, 1000, 2000)]
    assert ["running-dry", *swept] == [point.id for point in experiment.points]


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_profile_reads_and_says_its_question(path):
    """Each profile in profiles/ reads, and has a title and a question."""
    experiment = read(path)
    assert experiment.points
    assert experiment.profile.question.endswith("?")


@pytest.mark.parametrize("text", [QUICKSTART, "title: x\n", "title: x\nload: {closed_loop: 3}\n"])
def test_the_effective_profile_reads_back_as_itself(read_text, text):
    """What a manifest keeps as the effective profile is a profile, and the same one."""
    profile = read_text(text).profile
    again = read_text(json.dumps(profile.model_dump(mode="json"))).profile
    assert profile == again


def test_the_schema_has_defaults_that_a_profile_may_say(read_text):
    """Every default in the JSON Schema is a value the reader takes, and is the default."""
    schema = Profile.model_json_schema()
    for section, of in schema["properties"].items():
        fields = (
            schema["$defs"].get(of.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
        )
        for key, field in fields.items():
            text = json.dumps({"title": "x", section: {key: field["default"]}})
            assert read_text(text).points == read_text("title: x").points


# --- whatever is written: it reads, or it is one line

WORDS = [
    "title: ", "lab: ", "load: ", "sweep: ", "parts:\n", "- ", "ports: ", "rate: ", "closed_loop: ",
    "lab.ports: ", "load.rate: ", "name: ", "sysctls: ", "net.ipv4.tcp_tw_reuse: ", "{", "}", "[",
    "]", ",", ":", "\n", "  ", "\t", "#", "&a ", "*a", "!!int ", "!x ", "|", ">", "'", '"', "\\",
    "%", "---\n", "...\n", "? ", "<<: ", "=", "~", "null", "true", "5", "-1", "1.5", "1e999",
    ".nan", "5/s", "1.25x", "2tw", "500", "32768-60999", "\x00", "\x85", "\u2028", "é", "☃",
    "\ufeff", "a",
]  # fmt: skip
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["5/s", "2x", "2tw", "1s", 500, "32768-60999", "pair", "host", "client", 1]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
FIELDS = [
    f"{section}.{key}"
    for section, field in Profile.model_fields.items()
    for key in getattr(field.annotation, "model_fields", {})
]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    """Return a file that the examples overwrite."""
    return tmp_path_factory.mktemp("fuzz") / "p.yaml"


def reads_or_complains(path: Path, text: str, *settings: str) -> Experiment | None:
    """Read the text; hold a complaint to one printable line of bounded length."""
    path.write_text(text, "utf-8", "surrogatepass")
    try:
        return read(path, settings)
    except ProfileError as error:
        line = str(error)
        assert line.isprintable()
        assert len(line) <= 500
        return None


@settings(max_examples=150)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=25).map("".join))
def test_any_text_reads_or_is_one_line(scratch, text):
    """Whatever text a file holds, it is a profile or one line about it."""
    reads_or_complains(scratch, text)


@settings(max_examples=80)
@given(st.data())
def test_any_mutation_of_the_quick_start_reads_or_is_one_line(scratch, data):
    """Whatever is cut from, doubled in or put into the quick start, it is a profile or one line."""
    text = QUICKSTART.partition("title: ")[2]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 40)))
        new = data.draw(st.sampled_from([*WORDS, text[start:end] * 2, ""]))
        text = text[:start] + new + text[end:]
    reads_or_complains(scratch, f"title: {text}")


@settings(max_examples=120)
@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "sweep", "parts", "lab", "question"]), VALUE, max_size=3
    )
)
def test_any_value_reads_or_is_one_line(scratch, values):
    """Whatever value stands at a known path, it is taken or named in one line."""
    profile: dict[str, object] = {"title": "x"}
    for path, value in values.items():
        section, dot, key = path.partition(".")
        if not dot:
            profile[section] = value
        elif isinstance(inside := profile.setdefault(section, {}), dict):
            inside[key] = value
    reads_or_complains(scratch, json.dumps(profile))


@settings(max_examples=60)
@given(
    st.lists(
        st.builds("{}={}".format, st.sampled_from(FIELDS) | st.text(max_size=9), VALUE), max_size=3
    )
)
def test_any_setting_reads_or_is_one_line(scratch, settings):
    """Whatever is given to --set, it is taken or named in one line."""
    reads_or_complains(scratch, QUICKSTART, *settings)
