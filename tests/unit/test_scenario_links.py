"""What a scenario may ask of the link between its sides."""

import pytest

from tw_bench.errors import ProfileError
from tw_bench.profile.scenario import read_scenario
from tw_bench.scenario.places import topology

HEAD = """title: x
claim: x.
lab: {{link: veth{more}}}
steps:
  - listen: {{name: door}}
  - connect: {{name: c}}
  - {step}
"""


def written(folder, step, more=""):
    """Return a scenario's file."""
    path = folder / "x.yaml"
    path.write_text(HEAD.format(step=step, more=more))
    return path


@pytest.mark.parametrize(
    ("step", "more", "words"),
    [
        ("drop: {by: client}", "", "7: drop: wants lab.link: wire"),
        ("inject: {by: c, kind: RST}", "", "inject: wants lab.link: wire"),
        ("expect: client.sent.SYN == 1", "", "what a side has sent: wants lab.link: wire"),
        ("expect: c.path == TIME_WAIT", "", "c.path: each state: wants lab.link: wire"),
        ("expect: c.TIME_WAIT > 1s", "", "c.TIME_WAIT: each state: wants lab.link: wire"),
        ("wait: 1s", ", nat: true", "3: lab.nat: wants lab.link: wire"),
        ("wait: 1s", ", delay: 5ms", "3: lab.delay: wants lab.link: wire"),
        ("fill: {door: gate, count: 3}", "", "nothing is called 'gate' so far: c, door"),
        ("expect: c.call < 2*d.call", "", "nothing is called 'd' so far: c, door"),
        ("fill: {door: door, count: 70000}", "", "want 64000 or less"),
    ],
)
def test_what_wants_a_wire_says_so(tmp_path, step, more, words):
    """One line, with the place: nobody stands between the ends of the kernel's own link."""
    with pytest.raises(ProfileError) as wrong:
        read_scenario(written(tmp_path, step, more))
    assert words in str(wrong.value).replace(str(tmp_path), "")


def test_a_lab_without_a_wire_is_watched_all_the_same(tmp_path):
    """States are asked for from outside, whatever joins the sides."""
    place = topology(read_scenario(written(tmp_path, "expect: c == CLOSED")).scenario)
    assert (place.is_wired, place.is_watched) == (False, True)
