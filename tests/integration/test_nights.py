# SPDX-License-Identifier: Apache-2.0
"""Nights: what is wrong, and the one command that puts its cause and its remedy on the screen, the cause first (nights.py)."""
import pytest

from nights import NIGHTS, Host

MARKS = ("fail ", "warn ")


def problems(text):
    """What doctor calls broken or to be looked at, by check."""
    return [line.split()[1] for line in text.splitlines() if line.startswith(MARKS)]


@pytest.mark.parametrize(
    "night", [pytest.param(night, id=f"{night.name} {night.command}".replace(" ", "-"), marks=pytest.mark.world(**night.world)) for night in NIGHTS]
)
def test_cause_and_remedy_are_on_the_screen(night, make_node, vpc, tmp_path):
    node = make_node("n1", hop_limit=2, subnet=night.subnet, env=night.env)
    host = Host(vpc, node, tmp_path / "host")
    with night.begin(host) as how:
        done = host.type(night.command, **how)
    screen = done.stderr + done.stdout
    assert done.returncode == night.code, screen
    for word in night.cause + night.remedy:
        assert word in screen, screen
    assert screen.index(night.cause[0]) < screen.index(night.remedy[0]), screen
    assert len(screen.splitlines()) <= 15, screen
    if night.command == "doctor":
        assert screen.startswith(("unchecked  place", *MARKS)), screen
        assert len(problems(screen)) <= 1, "what follows from it is folded: " + screen
