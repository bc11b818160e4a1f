# SPDX-License-Identifier: Apache-2.0
"""Every program that a test runs comes with a package of deploy/prepare.sh, or with Debian's minimal base: what only this
machine happens to have is named here, and not on the first bare Debian that runs the tests."""
import ast
import collections
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import TOP, run

LISTS = ("packages_test", "packages_foreign", "packages_vm")
# In a minimal Debian whatever a package says of itself.
BASE_PRIORITIES = ("required",)
BASE = ("apt",)
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"  # what packages bring, and nothing of this machine's own
NAME = re.compile(r"/[\w./+-]+$|[A-Za-z][\w.+-]*$")  # no path in the tree
# Words of tests that are programs of somebody, too; and kubectl, which tests/fetch_tools.py brings.
NO_PROGRAMS = ("arp", "ex", "kubectl", "node", "route")


def control_file(text):
    """Debian's control format: a dict for each paragraph."""
    for paragraph in text.split("\n\n"):
        fields = re.findall(r"^([\w-]+):[ \t]*(.*)$", paragraph, re.M)
        if fields:
            yield dict(fields)


@pytest.fixture(scope="module")
def installed():
    packages = control_file(pathlib.Path("/var/lib/dpkg/status").read_text())
    return {package["Package"]: package for package in packages if package.get("Status", "").endswith(" installed")}


def listed():
    names = " ".join(f'"${{{name}[@]}}"' for name in LISTS)
    return run("bash", "-c", f". deploy/prepare.sh; printf '%s\\n' {names}", cwd=TOP).split()


def needs(package):
    """Names in Depends and Pre-Depends, each alternative of them."""
    text = f"{package.get('Depends', '')},{package.get('Pre-Depends', '')}"
    return re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]*)", text)


def brought(installed, roots):
    """The packages that come with these, and these."""
    provided = collections.defaultdict(set)
    for name, package in installed.items():
        for virtual in re.findall(r"(?:^|,)\s*([a-z0-9][a-z0-9.+-]*)", package.get("Provides", "")):
            provided[virtual].add(name)
    seen, waiting = set(), list(roots)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += [*needs(installed.get(name, {})), *provided[name]]
    return seen


def commands_in(path):
    """What stands where a command is named: first in a list, a tuple or a call's arguments, or any word of a shell's text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.List, ast.Tuple)):
            parts = node.elts
        elif isinstance(node, ast.Call):
            parts = node.args
        else:
            continue
        texts = [part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "" for part in parts]
        yield from texts if "exec" in texts else texts[:1]  # ip netns exec NAME PROGRAM
        for flag, text in zip(texts, texts[1:]):
            if flag == "-c":
                yield from re.findall(r"[\w./+-]+", text)


def programs():
    """Path of a program -> files of tests that name it."""
    found = collections.defaultdict(set)
    for path in sorted((TOP / "tests").rglob("*.py")):
        for name in commands_in(path):
            program = shutil.which(name, path=PATH) if NAME.match(name) and name not in NO_PROGRAMS else None
            if program:
                found[program].add(str(path.relative_to(TOP)))
    return found


def owner(program):
    """The package of a file. Debian 12 knows /bin/x and /usr/bin/x by one of the two names."""
    for path in (program, str(pathlib.Path(program).resolve()), program.removeprefix("/usr"), f"/usr{program}"):
        done = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True)
        owners = [line for line in done.stdout.splitlines() if not line.startswith("diversion ")]
        if done.returncode == 0 and owners:
            return re.split("[:,]", owners[0], maxsplit=1)[0]
    return None


def test_each_program_comes_with_a_package_of_the_list(installed):
    base = [name for name, package in installed.items() if package.get("Priority") in BASE_PRIORITIES or package.get("Essential") == "yes"]
    have = brought(installed, [*listed(), *base, *BASE])
    found = programs()
    assert {"ip", "nft", "strace", "groff"} <= {pathlib.Path(program).name for program in found}, "the search finds no more what it did"
    unlisted = {program: (owner(program), sorted(files)) for program, files in found.items() if owner(program) not in have}
    assert unlisted == {}
