# SPDX-License-Identifier: Apache-2.0
"""Debian's packages come from where apt gets them here, and from nowhere else: without such a place a test is skipped, by name."""
import types

import pytest

from vpc import debian


def apt_knows(monkeypatch, *lines):
    monkeypatch.setattr(debian, "run", lambda *_, **__: types.SimpleNamespace(stdout="".join(f"{line}\n" for line in lines)))


@pytest.mark.parametrize("known", [[], ["Someone http://127.0.0.1:1/other stable main"]])
def test_without_a_place_of_debians_it_is_skipped(monkeypatch, known):
    apt_knows(monkeypatch, *known)
    with pytest.raises(pytest.skip.Exception, match="apt knows no place"):
        debian.sources()


def test_a_place_out_of_reach_is_named(monkeypatch):
    apt_knows(monkeypatch, "Debian http://127.0.0.1:1/debian bookworm main")
    with pytest.raises(pytest.skip.Exception, match="http://127.0.0.1:1/debian"):
        debian.sources()


def test_what_apt_knows_is_taken(monkeypatch, tmp_path):
    (tmp_path / "dists/bookworm").mkdir(parents=True)
    (tmp_path / "dists/bookworm/InRelease").touch()
    apt_knows(monkeypatch, f"Debian file://{tmp_path}/ bookworm main", f"Debian file://{tmp_path}/ bookworm contrib")
    assert debian.sources() == f"deb file://{tmp_path}/ bookworm contrib\ndeb file://{tmp_path}/ bookworm main\n"
