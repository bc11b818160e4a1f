# SPDX-License-Identifier: Apache-2.0
"""Debian 12 made of its packages, by mmdebstrap: what an image stands on, or a machine that boots."""
import urllib.error
import urllib.request

import pytest

from .deadline import patient
from .process import run

RELEASE = "bookworm"
# What the slim images leave out (debuerreotype, .slimify-excludes).
LEFT_OUT = ("doc", "groff", "info", "lintian", "linda", "locale", "man")
KEPT = "/usr/share/doc/*/copyright"
REACH_S = 20
MAKE_DEADLINE_S = 600


def places():
    """Where apt gets Debian's packages from: sorted (address, codename, component); empty where apt knows none."""
    listed = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages").stdout
    return sorted({tuple(line.split()[1:]) for line in listed.splitlines() if line.startswith("Debian ")})


def sources():
    """Where this machine gets Debian's packages from, as lines of sources.list; skips the test when it has none, or none is there."""
    rows = places()
    if not rows:
        pytest.skip("apt knows no place of Debian's packages (apt-get indextargets lists none)")
    for uri, codename, _ in rows:
        try:
            urllib.request.urlopen(f"{uri.rstrip('/')}/dists/{codename}/InRelease", timeout=patient(REACH_S)).close()
        except urllib.error.HTTPError:
            raise  # somebody is there, and has not what we ask for
        except OSError as error:
            pytest.skip(f"Debian's packages are out of reach, {uri}: {error}")
    return "".join(f"deb {uri} {codename} {component}\n" for uri, codename, component in rows)


def make(path, include=(), slim=False):
    """A folder, or a tar if path says so. Slim: dpkg in it goes on to leave out what it left out here."""
    choice = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT] + [f"--dpkgopt=path-include={KEPT}"] if slim else []
    packages = [f"--include={name}" for name in include]
    run("mmdebstrap", "--variant=minbase", *choice, *packages, RELEASE, path, "-", input=sources(), timeout=MAKE_DEADLINE_S)
