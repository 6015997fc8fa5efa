"""What a name of a scenario stands for: what listens, a connection, or segments that are held."""

import pytest

from tw_bench.errors import ProfileError
from tw_bench.profile.scenario import read_scenario

HEAD = """title: x
claim: x.
steps:
  - listen: {name: door}
  - connect: {name: c}
  - hold: {by: client, name: kept}
"""


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("expect: door == LISTEN", "'door' is what listens: want a connection"),
        ("expect: door.path == LISTEN", "'door' is what listens: want a connection"),
        ("expect: door.LISTEN > 1s", "'door' is what listens: want a connection"),
        ("expect: kept.count == 1", "'kept' is segments that are held: want a socket"),
        ("inject: {by: door, kind: RST}", "'door' is what listens: want a connection"),
        ("destroy: door", "'door' is what listens: want a connection"),
        ("shutdown: door", "'door' is what listens: want a connection"),
        ("accept: {name: s, door: c}", "'c' is a connection: want what listens"),
        ("close: kept", "'kept' is segments that are held: want a socket"),
        ("release: c", "'c' is a connection: want segments that are held"),
        ("listen: {name: door, port: 81}", "'door' has sockets that are open: want another name"),
        ("connect: {name: c}", "'c' has sockets that are open: want another name, or close: c"),
        ("accept: {name: c, door: door}", "'c' has sockets that are open"),
        ("connect: {name: server}", "'server' is a side: want a name of its own"),
        ("connect: {name: d, address: 3}", "the server has 1 address: want lab.destinations: 3"),
        ("connect: {name: d, source: 2}", "the client has 1 address: want lab.sources: 2"),
        ("bind: {name: d, address: other}", "the server has 1 address: want lab.destinations: 2"),
        ("expect: []", "want 1 or more"),
        ("send: q", "nothing is called 'q' so far: c, door, kept"),
    ],
)
def test_a_name_of_something_else(tmp_path, step, words):
    """One line, that of the step."""
    path = tmp_path / "x.yaml"
    path.write_text(f"{HEAD}  - {step}\n")
    with pytest.raises(ProfileError) as raised:
        read_scenario(path)
    assert str(raised.value).startswith(f"{path}:7: ")
    assert words in str(raised.value)


def test_a_scenario_expects_something(tmp_path):
    """One in which nothing can fail is no claim; a call that is to fail is an expectation."""
    path = tmp_path / "x.yaml"
    path.write_text(HEAD)
    with pytest.raises(ProfileError, match=r":3: steps: expect nothing: want a step with expect"):
        read_scenario(path)
    path.write_text(HEAD + "  - connect: {name: d, fails: ECONNREFUSED}\n")
    read_scenario(path)


@pytest.mark.parametrize(
    "again",
    [
        "  - close: c\n  - connect: {name: c}\n",
        "  - kill: client\n  - connect: {name: c}\n",
        "  - bind: {name: d, port: 81}\n  - listen: {name: d, port: 81}\n",
        "  - accept: {name: s, door: door}\n  - accept: {name: s, door: door}\n",
        "  - listen: {name: d, fails: EADDRINUSE}\n  - listen: {name: d, port: 82}\n",
    ],
)
def test_a_name_is_free_again_when_nothing_is_open(tmp_path, again):
    """Closed, killed or never opened; what is bound can listen, and accept() adds."""
    path = tmp_path / "x.yaml"
    path.write_text(HEAD + again + "  - expect: server.LISTEN >= 1\n")
    read_scenario(path)


def test_a_name_may_be_used_again(tmp_path):
    """For another thing too: what is held and what is open do not meet."""
    path = tmp_path / "x.yaml"
    path.write_text(
        HEAD + "  - hold: {by: client, name: c}\n  - release: c\n  - close: c\n  - close: door\n"
        "  - expect: [door.errno == ok, c == CLOSED]\n"
    )
    assert len(read_scenario(path).scenario.steps) == 8
