"""What the picture says of bind() and listen()."""

import pytest

from tw_bench.profile.scenario_steps import Step
from tw_bench.scenario.telling import tell


@pytest.mark.parametrize(
    ("steps", "call"),
    [
        ([{"listen": {"name": "a"}}], "bind(), listen()"),
        ([{"bind": {"name": "a"}}], "bind()"),
        ([{"bind": {"name": "a"}}, {"listen": "a"}], "listen()"),
        ([{"bind": {"name": "b"}}, {"listen": "a"}], "bind(), listen()"),
        (
            [{"listen": {"name": "a", "reuse_address": False}}],
            "bind(), listen() without SO_REUSEADDR",
        ),
        ([{"listen": {"name": "a", "reuse_port": True}}], "bind(), listen(), SO_REUSEPORT"),
    ],
)
def test_what_is_bound_is_only_listened_at(steps, call):
    """One that was bound before is not bound again; options are said that are not as usual."""
    read = [Step.model_validate(step) for step in steps]
    assert tell(read[-1], {}, read) == ("server", "a", call)
