"""The sequence diagram: every segment, every state, and nothing that a text could break."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tw_bench.errors import ResultsError
from tw_bench.profile.expectations import STATES
from tw_bench.profile.scenario_steps import Step
from tw_bench.report.figures import states, style
from tw_bench.report.scenario_pictures import draw_pictures
from tw_bench.report.sequence import draw
from tw_bench.report.sequence.moments import Moment, place
from tw_bench.results.played import (
    CHANGE_COLUMNS,
    CHANGES,
    SEGMENT_COLUMNS,
    SEGMENTS,
    Check,
    Played,
    TakenStep,
)
from tw_bench.scenario.telling import tell

Row = dict[str, Any]
SVG = "{http://www.w3.org/2000/svg}"
CLIENT, SERVER = ("198.18.0.1", 40_000), ("198.19.0.1", 80)
# As close-client-first is: left_s, sender, flags, kind, seq, ack, states of sender and receiver.
CLOSE = (
    (0.001, "client", "SYN", "SYN", 100, 0, "SYN_SENT", "SYN_RECV"),
    (0.012, "server", "SYN+ACK", "SYN_ACK", 7_000, 101, "SYN_RECV", "ESTABLISHED"),
    (0.023, "client", "ACK", "ACK", 101, 7_001, "ESTABLISHED", "ESTABLISHED"),
    (0.050, "client", "FIN+ACK", "FIN", 101, 7_001, "FIN_WAIT_1", "CLOSE_WAIT"),
    (0.062, "server", "ACK", "ACK", 7_001, 102, "CLOSE_WAIT", "FIN_WAIT_2"),
    (0.090, "server", "FIN+ACK", "FIN", 7_001, 102, "LAST_ACK", "TIME_WAIT"),
    (0.101, "client", "ACK", "ACK", 102, 7_002, "TIME_WAIT", "CLOSED"),
)


def segment(number: int, row: Sequence[Any], fate: str = "delivered", **other: Any) -> Row:
    """Return a row of segments.csv."""
    left_s, sender, flags, kind, seq, ack, here, there = row
    near, far = (CLIENT, SERVER) if sender == "client" else (SERVER, CLIENT)
    arrived = "" if fate in ("dropped", "held") else f"{left_s + 0.01:.6f}"
    values = (
        number, f"{left_s:.6f}", arrived, sender, "server" if sender == "client" else "client",
        fate, *near, *far, flags, kind, seq, ack, 0, "", 0, here, there,
    )  # fmt: skip
    return dict(zip(SEGMENT_COLUMNS, values, strict=True)) | other


def changes(rows: list[Row]) -> list[tuple[Any, ...]]:
    """Return rows of states.csv: each new state, a moment after its segment."""
    found: list[tuple[Any, ...]] = []
    last: dict[str, str] = {}
    for row in rows:
        for side, state, at in (("sender", "sender_state", "left_s"),
                                ("receiver", "receiver_state", "arrived_s")):  # fmt: skip
            own = CLIENT if row[side] == "client" else SERVER
            other = SERVER if own == CLIENT else CLIENT
            if row[at] and row[state] and last.get(row[side]) != row[state]:
                last[row[side]] = row[state]
                found.append((float(row[at]) + 1e-4, row[side], *own, *other, row[state]))
    return sorted(found)


def taken(number: int, verb: str, side: str, text: str, at_s: float, says: str = "") -> TakenStep:
    return TakenStep(
        number=number, verb=verb, side=side, name="c", text=text, says=says, errno="ok",
        at_s=at_s, ended_s=at_s,
    )  # fmt: skip


def write(
    folder: Path, rows: list[Row], extra: Sequence[Sequence[Any]] = (), **played: Any
) -> Path:
    """Write the folder of a scenario."""
    folder.mkdir(exist_ok=True)
    base = {
        "name": "a", "title": "A close", "claim": "It closes.", "source": "RFC 9293",
        "verdict": "as claimed", "checks": [], "started_at": "2026-01-01T00:00:00Z",
        "duration_s": 1.0, "kernel": "6.18", "profile_verbatim": "", "names": {"c": []},
        "steps": [taken(1, "close", "client", "close()", 0.049)],
    }  # fmt: skip
    made = Played.model_validate(base | played)
    (folder / "scenario.json").write_text(made.model_dump_json())
    with (folder / SEGMENTS).open("w", newline="") as file:
        table = csv.DictWriter(file, SEGMENT_COLUMNS)
        table.writeheader()
        table.writerows(rows)
    with (folder / CHANGES).open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(CHANGE_COLUMNS)
        lines.writerows([*changes(rows), *extra])
    return folder


def close() -> list[Row]:
    return [segment(number, row) for number, row in enumerate(CLOSE, 1)]


def texts(svg: str, kind: str) -> list[str]:
    """Return the texts of a class, from top to bottom."""
    root = ElementTree.fromstring(svg)
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text") if one.get("class") == kind]


def paths(svg: str, kind: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [str(one.get("d")) for one in root.iter(f"{SVG}path") if one.get("class") == kind]


def test_a_close_is_drawn_as_in_the_book(tmp_path):
    """Seven arrows with flags and relative numbers, and each end's states in order."""
    svg = draw(write(tmp_path / "a", close()))
    assert texts(svg, "label") == [
        "SYN  seq 0",
        "SYN, ACK  seq 0 ack 1",
        "ACK  seq 1 ack 1",
        "FIN, ACK  seq 1 ack 1",
        "ACK  seq 1 ack 2",
        "FIN, ACK  seq 1 ack 2",
        "ACK  seq 2 ack 2",
    ]
    assert len(paths(svg, "line")) == 7
    assert sorted(texts(svg, "state")) == sorted(
        "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT "
        "SYN_RECV ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED".split()
    )
    assert texts(svg, "call") == ["close()"]
    assert texts(svg, "head") == ["client", "server"]


def test_each_state_has_a_colour_of_its_own():
    """All eleven, no two alike."""
    assert set(states.COLOURS) == set(STATES)
    assert len(set(states.COLOURS.values())) == len(STATES)


def test_a_state_is_tied_to_the_end_of_its_arrow(tmp_path):
    """A bar begins where the segment leaves that the change goes with."""
    svg = draw(write(tmp_path / "a", close()))
    fin = re.search(r"M262 ([\d.]+)L", paths(svg, "line")[3])
    assert fin
    name = f'y="{float(fin[1]) + 4:.1f}"'.replace(".0", "")
    assert re.search(rf"<text[^>]*{re.escape(name)}[^>]*>FIN_WAIT_1<", svg)


@pytest.mark.parametrize(
    ("fate", "mark", "words"),
    [
        ("dropped", '"lost"', ["ACK  seq 2 ack 2  lost"]),
        ("held", '"line kept"', ["ACK  seq 2 ack 2  kept back"]),
        ("replayed", "<circle", ["ACK  seq 2 ack 2", "replayed"]),
        ("injected", "<circle", ["ACK  seq 2 ack 2", "injected"]),
    ],
)
def test_a_fate_is_a_shape_and_a_word(tmp_path, fate, mark, words):
    """Lost ends in a cross, kept back is dashed, what the wire made begins in a ring."""
    plain = draw(write(tmp_path / "a", close()))
    rows = [*close()[:-1], segment(7, CLOSE[-1], fate)]
    svg = draw(write(tmp_path / "b", rows))
    assert mark not in plain
    assert svg.count(mark) == 1
    assert texts(svg, "label")[6:] == words


def test_a_late_segment_waits_on_the_wire(tmp_path):
    """Dashed to the middle, dotted while it is kept, an arrow from its release on."""
    rows = [*close()[:-1], segment(7, CLOSE[-1], "late", arrived_s="0.311000")]
    svg = draw(write(tmp_path / "a", rows))
    assert len(paths(svg, "line kept")) == len(paths(svg, "line waits")) == 1
    assert texts(svg, "label")[6:] == ["ACK  seq 2 ack 2  kept back", "ACK  seq 2 ack 2  late"]
    assert texts(svg, "wait") == ["…  200 ms  …"]


def test_an_rst_is_vermillion(tmp_path):
    """Its line and its label, and no other's."""
    rst = segment(8, (0.2, "client", "RST", "RST", 102, 0, "CLOSED", "CLOSED"))
    red = style.as_text(style.VERMILLION).lower()
    assert f"stroke:var(--fig-vermillion-text,{red})" not in draw(write(tmp_path / "a", close()))
    svg = draw(write(tmp_path / "b", [*close(), rst]))
    assert svg.count(f'stroke="var(--fig-vermillion-text,{red})"') == 1
    assert texts(svg, "label")[7] == "RST  seq 2"


def test_a_new_connection_counts_anew(tmp_path):
    """The same four-tuple with another ISN; what is left of the first one says so."""
    again = segment(8, (0.2, "client", "SYN", "SYN", 90_000_000, 0, "SYN_SENT", "SYN_RECV"))
    old = segment(9, (0.3, "client", "ACK", "ACK", 102, 7_002, "", ""), "replayed")
    svg = draw(write(tmp_path / "a", [*close(), again, old]))
    assert texts(svg, "label")[7:] == [
        "SYN  seq 0",
        "ACK  seq 2 ack 2",
        "replayed, of the earlier connection",
    ]


def test_a_long_wait_is_a_break(tmp_path):
    """It takes no more room than a step, and says how long it was."""
    end = (60.1, "client", *CLIENT, *SERVER, "CLOSED")
    svg = draw(write(tmp_path / "a", close(), [end]))
    assert texts(svg, "wait") == ["…  60.0 s  …"]
    assert "60.100" in texts(svg, "time")
    assert float(ElementTree.fromstring(svg).get("height", "")) < 800


def test_nothing_in_a_text_is_markup(tmp_path):
    """What a person wrote stays text, and control characters are spelt out."""
    evil = "</text><script>alert(1)</script>&\x00\x1b]]>"
    steps = [taken(1, "close", "client", evil, 0.04, evil)]
    check = Check(
        step=1, place="", says=evil, expected=evil, observed=evil, passed=False, at_s=0.04
    )
    folder = write(
        tmp_path / "a", close(), title=evil, claim=evil, source=evil, kernel=evil, steps=steps,
        checks=[check],
    )  # fmt: skip
    svg = draw(folder)
    root = ElementTree.fromstring(svg)
    assert not list(root.iter(f"{SVG}script"))
    assert {one.tag.removeprefix(SVG) for one in root.iter()} == {
        "svg", "title", "desc", "style", "rect", "text", "path",
    }  # fmt: skip
    assert "<script>alert(1)" in "".join(texts(svg, "title"))


def test_it_stands_alone_and_is_the_same_each_time(tmp_path):
    """No address, no font file, no script; byte for byte the same."""
    folder = write(tmp_path / "a", close())
    svg = draw(folder)
    assert svg == draw(folder)
    assert re.findall(r"https?://[^\"]+", svg) == ["http://www.w3.org/2000/svg"]
    for word in ("href", "url(", "@import", "@font-face"):
        assert word not in svg
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert [child.tag.removeprefix(SVG) for child in root][:2] == ["title", "desc"]
    assert "0.050 s client to server: FIN, ACK  seq 1 ack 1" in str(root[1].text)
    assert "prefers-color-scheme:dark" in svg


def test_of_very_many_the_first_and_the_last_are_drawn(tmp_path):
    """Thirty and twenty, the number of the others between them, and a file that stays small."""
    rows = [
        segment(n, (0.001 * n, "client", "ACK", "ACK", 100 + n, 1, "", "")) for n in range(10_000)
    ]
    svg = draw(write(tmp_path / "a", rows))
    assert len(paths(svg, "line")) == 50
    assert "…  9,950 more segments  …" in texts(svg, "wait")
    assert len(svg) < 200_000
    sixty = draw(write(tmp_path / "b", rows[:60]))
    assert len(paths(sixty, "line")) == 60


def test_of_a_crowd_a_few_whole_stories_are_drawn(tmp_path):
    """The first of each connect(), from its SYN to its end; and how many there were."""
    port = CLIENT[1]

    def own(row: Row, n: int) -> Row:
        key = "source_port" if row["sender"] == "client" else "destination_port"
        return row | {key: port + n}

    rows = [own(segment(7 * n + m, row), n) for n in range(40) for m, row in enumerate(CLOSE)]
    names = {
        "many": [[CLIENT[0], port + n, *SERVER] for n in range(30)],
        "more": [[CLIENT[0], port + n, *SERVER] for n in range(30, 39)],
        "last": [[CLIENT[0], port + 39, *SERVER]],
    }
    steps = [
        taken(number, "connect", "client", "connect()", 0.0).model_copy(update={"name": name})
        for number, name in enumerate(names, 1)
    ]
    svg = draw(write(tmp_path / "a", rows, names=names, steps=steps))
    assert "…  3 of 40 connections are drawn  …" in texts(svg, "wait")
    own_labels = [text.split()[0] for text in texts(svg, "label")]
    assert sorted(own_labels) == sorted(["many", "more", "last"] * len(CLOSE))


def test_a_port_of_a_nat_has_one_connection_after_the_other(tmp_path):
    """Its segments have the name of that which had the port then."""
    nat = ("198.19.0.254", 2_000)
    rows: list[Row] = []
    opened = ((0.1, "198.18.0.1", 500), (0.5, "198.18.0.2", 900))
    for at_s, host, seq in opened:
        syn = (at_s, "client", "SYN", "SYN", seq, 0, "SYN_SENT", "")
        rows.append(segment(len(rows) + 1, syn, source=host, receiver="nat"))
        through = (at_s + 0.02, "nat", "SYN", "SYN", seq, 0, "", "SYN_RECV")
        rows.append(
            segment(
                len(rows) + 1, through, source=nat[0], source_port=nat[1],
                destination=SERVER[0], destination_port=SERVER[1], receiver="server",
            )
        )  # fmt: skip
    names = {
        name: [[host, CLIENT[1], *SERVER]] for name, (_, host, _) in zip("ab", opened, strict=True)
    }
    steps = [
        taken(n, "connect", "client", "connect()", at_s - 0.01).model_copy(update={"name": name})
        for n, (name, (at_s, _, _)) in enumerate(zip("ab", opened, strict=True), 1)
    ]
    ended = [
        (0.13, "server", *SERVER, *nat, "SYN_RECV"),
        (0.525, "server", *SERVER, *nat, "CLOSED"),
    ]
    svg = draw(write(tmp_path / "x", rows, ended, names=names, steps=steps))
    assert texts(svg, "label") == [
        "a :40000  SYN  seq 0", "a :2000  SYN  seq 0",
        "b :40000  SYN  seq 0", "b :2000  SYN  seq 0",
    ]  # fmt: skip
    assert "a  CLOSED" in texts(svg, "state")  # though its ports are another's by then


def test_two_that_are_kept_back_leave_room_for_each_other(tmp_path):
    """Where both FINs are on the wire at once, their labels are short."""
    rows = [
        *close()[:3],
        segment(4, (0.050, "client", *CLOSE[3][2:]), "late", arrived_s="0.310000"),
        segment(5, (0.060, "server", *CLOSE[5][2:]), "late", arrived_s="0.311000"),
    ]
    svg = draw(write(tmp_path / "a", rows))
    assert texts(svg, "label")[3:] == ["FIN, ACK  kept back", "FIN, ACK  late"] * 2


def test_what_is_said_of_a_call_that_waits_stands_where_it_ended(tmp_path):
    """The call where it begins."""
    wait = TakenStep(
        number=1, verb="receive", side="server", name="s", text="recv()", says="All is there.",
        errno="ok", at_s=0.0, ended_s=0.2,
    )  # fmt: skip
    svg = draw(write(tmp_path / "a", close(), steps=[wait]))
    root = ElementTree.fromstring(svg)
    y = {"".join(one.itertext()): float(one.get("y", 0)) for one in root.iter(f"{SVG}text")}
    assert y["recv()"] < y["SYN_RECV"] < y["CLOSED"] < y["All is there."]


def test_a_burst_stays_flat():
    """Of many that leave at once the first arrive before the last leave; each side in order."""
    leaves = [Moment(0.0001 * n, "client", arrow="from") for n in range(30)]
    arrives = [Moment(m.at_s + 0.01, "server", arrow="to", below=m) for m in leaves]
    assert place([*leaves, *arrives], 0, 0.01) == []
    for ends in (leaves, arrives):
        ys = [moment.y for moment in ends]
        assert ys == sorted(ys)
    falls = [end.y - begin.y for begin, end in zip(leaves, arrives, strict=True)]
    assert min(falls) >= 20
    assert max(falls) < 150


def test_texts_beside_a_lifeline_never_cover_each_other(tmp_path):
    """However much happens at one instant on a side."""
    steps = [taken(n, "close", "client", "close()", 0.049, "word " * 30) for n in range(1, 6)]
    svg = draw(write(tmp_path / "a", close(), steps=steps))
    ys = sorted(
        float(one.get("y", ""))
        for one in ElementTree.fromstring(svg).iter(f"{SVG}text")
        if one.get("class") in ("call", "says", "state") and one.get("text-anchor") == "end"
    )
    assert min(np.diff(ys)) >= 13


def test_several_connections_are_told_apart(tmp_path):
    """By the name of the scenario and a colour; calls say whose they are."""
    other = [
        segment(n, (row[0] + 0.3, *row[1:]))
        | {"source_port" if row[1] == "client" else "destination_port": 40_001}
        for n, row in enumerate(CLOSE, 8)
    ]
    names = {"c": [[*CLIENT, *SERVER]], "d": [["198.18.0.1", 40_001, *SERVER]]}
    steps = [
        taken(1, "connect", "client", "connect()", 0.0),
        taken(2, "connect", "client", "connect()", 0.3).model_copy(update={"name": "d"}),
    ]
    svg = draw(write(tmp_path / "a", [*close(), *other], names=names, steps=steps))
    assert texts(svg, "label")[0] == "c  SYN  seq 0"
    assert texts(svg, "label")[7] == "d  SYN  seq 0"
    assert texts(svg, "call") == ["c: connect()", "d: connect()"]
    assert 'stroke="var(--fig-blue,#0072b2)"' in svg


def test_a_nat_is_a_lifeline_between(tmp_path):
    """The same connection on either side of it, with the port that it has there."""
    there: Row = {"sender": "nat", "source": "198.19.0.254", "source_port": 61_000}
    rows = [segment(1, CLOSE[0], receiver="nat"), segment(2, (0.012, *CLOSE[0][1:])) | there]
    names = {"c": [[*CLIENT, *SERVER]]}
    steps = [taken(1, "connect", "client", "connect()", 0.0)]
    svg = draw(write(tmp_path / "a", rows, names=names, steps=steps))
    assert texts(svg, "head") == ["client", "nat", "server"]
    assert texts(svg, "label") == [":40000  SYN  seq 0", ":61000  SYN  seq 0"]
    other = segment(3, CLOSE[0], receiver="nat", source_port=41_000, seq=5)
    svg = draw(write(tmp_path / "b", [*rows, other], names=names, steps=steps))
    assert texts(svg, "label")[:2] == ["c :40000  SYN  seq 0", "c :61000  SYN  seq 0"]


def test_a_failed_expectation_is_in_the_picture(tmp_path):
    """In words, where it was expected."""
    check = Check(
        step=1, place="", says="", expected="c == CLOSED", observed="TIME_WAIT", passed=False,
        at_s=0.2,
    )  # fmt: skip
    svg = draw(write(tmp_path / "a", close(), checks=[check]))
    assert " ".join(texts(svg, "wrong")) == "✕ expected c == CLOSED; was TIME_WAIT"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("scenario.json", "{}", "is no scenario that was played"),
        (SEGMENTS, "number,left_s\n1,2\n", "has no column 'arrived_s'"),
        (SEGMENTS, f"{','.join(SEGMENT_COLUMNS)}\n1,x\n", "segments.csv:2: is no segment"),
        (CHANGES, f"{','.join(CHANGE_COLUMNS)}\nx\n", "states.csv:2: is no change"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, name, text, words):
    """With the file, and where it has one the line."""
    folder = write(tmp_path / "a", close())
    (folder / name).write_text(text)
    with pytest.raises(ResultsError, match=re.escape(words)) as error:
        draw(folder)
    assert len(str(error.value).splitlines()) == 1


def test_pictures_of_a_folder(tmp_path):
    """The diagram, and the states where there are samples; none of what was never played."""
    assert draw_pictures(tmp_path) == []
    folder = write(tmp_path / "a", close())
    assert [path.name for path in draw_pictures(folder)] == ["sequence.svg"]
    head = ",".join(("side", "time_s", *(f"state_{name.lower()}" for name in STATES)))
    counts = {"TIME_WAIT": 2, "LISTEN": 1}
    row = ",".join(str(counts.get(name, 0)) for name in STATES)
    lines = [f"{side},{at}.0,{row}" for at in range(5) for side in ("client", "server")]
    (folder / "samples.csv").write_text("\n".join([head, *lines, ""]))
    names = [path.name for path in draw_pictures(folder)]
    assert names == ["sequence.svg", "states.svg", "states.png"]
    empty = write(tmp_path / "b", [])
    assert draw_pictures(empty) == []


def test_states_are_stacked_and_what_never_changes_is_left_out():
    """Every state that has a socket is named; a LISTEN that is always there is not."""
    time_s = np.arange(10.0)
    counts = {
        "LISTEN": np.ones(10),
        "ESTABLISHED": np.where(time_s < 5, 100.0, 0.0),
        "CLOSE_WAIT": np.where(time_s < 5, 0.0, 100.0),
        "TIME_WAIT": np.zeros(10),
    }
    with style.settings():
        card = states.draw({"server": time_s}, {"server": counts}, "A leak", ["leak"])
        assert card is not None
        said = {text.get_text() for axes in card.axes for text in axes.texts}
        assert {"ESTABLISHED 100", "CLOSE_WAIT 100"} <= said
        assert not any("LISTEN" in word.text or "TIME_WAIT" in word.text for word in card.words)
        quiet = {"server": {"LISTEN": np.ones(10)}}
        assert states.draw({"server": time_s}, quiet, "Quiet", []) is None
    assert len(card.axes) == 1


def test_many_states_have_two_lines_and_narrow_bands_no_name():
    """A name never stands in the colour of another band, nor beyond the card."""
    time_s = np.arange(20.0)
    names = [name for name in states.COLOURS if name not in ("LISTEN", "CLOSED")]
    counts = {name: np.where(time_s == n, 50.0, 0.0) for n, name in enumerate(names)}
    counts["ESTABLISHED"] = np.where(time_s > 10, 100.0, 0.0) * (time_s < 18)
    with style.settings():
        card = states.draw({"client": time_s}, {"client": counts}, "Many", [])
        assert card is not None
        assert {word.text for word in card.words} >= set(names)
        assert max(text.get_window_extent().x1 for text in card.head_and_foot) <= card.bbox.x1
        said = {text.get_text() for axes in card.axes for text in axes.texts}
    assert "ESTABLISHED 100" in said
    assert "FIN_WAIT_1 50" not in said


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"listen": {"name": "door"}}, ("server", "door", "bind(), listen()")),
        ({"connect": {"name": "c", "count": 1_100}}, ("client", "c", "connect() × 1,100")),
        ({"accept": {"name": "s", "door": "door"}}, ("server", "s", "accept()")),
        ({"send": "c"}, ("client", "c", "send() 10 bytes")),
        ({"close": {"name": "c", "rst": True}}, ("client", "c", "SO_LINGER 0, close()")),
        ({"kill": "server"}, ("server", "", "SIGKILL")),
        ({"drop": {"by": "client", "kinds": ["ACK"], "count": 2}},
         ("client", "", "wire: loses 2 ACK")),
        ({"drop": "nothing"}, ("client", "", "wire: loses nothing more")),
        ({"release": "fins"}, ("server", "", "wire: lets them go on")),
        ({"inject": {"by": "s", "kind": "RST"}}, ("server", "", "wire: makes up RST")),
        ({"sysctl": {"on": "client", "name": "net.ipv4.tcp_rfc1337", "value": 1}},
         ("client", "", "tcp_rfc1337 = 1")),
        ({"wait": "1s"}, ("", "", "")),
        ({"expect": "c == TIME_WAIT"}, ("client", "c", "")),
        ({"expect": "server.LISTEN == 1"}, ("server", "", "")),
    ],
)  # fmt: skip
def test_a_step_says_what_it_is_and_where(step, told):
    """The call as the manual has it, on the side of its socket; the wire beside its sender."""
    homes = {"door": "server", "c": "client", "s": "server"}
    before = [
        Step.model_validate({"hold": {"name": "fins", "by": "server"}}),
        Step.model_validate({"drop": {"by": "client"}}),
    ]
    assert tell(Step.model_validate(step), homes, before) == told
