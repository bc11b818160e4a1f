# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over the C files that changed, and over those that include what changed: tidy.py [--all] [--list] [BUILD]

Changed means: since the branch left `main`, committed or not. On `main` itself: since the last commit that passed here
(BUILD/tidy-passed), or since the one before this. A change of how clang-tidy or the compiler is called counts for all files,
and --all takes them all; so does a folder without git. BUILD (default build/asan) is built already: ninja knows from that who
includes what. --list prints the files instead. The exit code is 1 if clang-tidy found something.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

BRANCH = "main"
READ_BY_CMAKE = {".csv", ".html", ".css", ".js", ".svg"}  # what generated C is made of when CMake configures
FOR_ALL = {".clang-tidy", "CMakeLists.txt", "CMakePresets.json"}  # at the top: the checks, and the flags


class Unknown(Exception):
    """Why it cannot be said what changed."""


def output(*command, cwd=None):
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def git(*arguments):
    try:
        return output("git", *arguments).strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unknown(f"git {arguments[0]}: {(getattr(error, 'stderr', '') or str(error)).strip()}") from error


def is_ancestor(commit):
    return subprocess.run(["git", "merge-base", "--is-ancestor", commit, "HEAD"], capture_output=True).returncode == 0


def base_commit(stamp):
    """What changes are counted from, and in words."""
    left, head = git("merge-base", BRANCH, "HEAD"), git("rev-parse", "HEAD")
    if left != head or git("rev-parse", "--abbrev-ref", "HEAD") not in (BRANCH, "HEAD"):
        return left, f"since {BRANCH}"
    passed = stamp.read_text().strip() if stamp.exists() else ""
    if passed and is_ancestor(passed):
        return passed, "since they last passed"
    return git("rev-parse", "HEAD~1"), "since the commit before"


def changed_files(base):
    """Paths from the top. A renamed file is one that went and one that came."""
    listed = git("diff", "--name-only", "--no-renames", "-z", base) + "\0" + git("ls-files", "--others", "--exclude-standard", "-z")
    return {path for path in listed.split("\0") if path}


class Build:
    """Which sources there are, and what each of them is made of, generated headers and what those are generated of included."""

    def __init__(self, folder, top):
        self.folder, self.top, self.inputs = folder, top, {}
        self.sources = {}  # path: its object file
        for entry in json.loads((folder / "compile_commands.json").read_text()):
            words = shlex.split(entry["command"])
            path = self.path(entry["file"])
            if path and not self.is_generated(path):
                self.sources[path] = words[words.index("-o") + 1]

    def path(self, text):
        """From the top; None: outside, as the system's headers are."""
        path = os.path.relpath(os.path.normpath(self.folder / text), self.top)
        return None if path.startswith("..") else path

    def is_generated(self, path):
        return path.startswith(os.path.relpath(self.folder, self.top) + "/")

    def made_of(self, generated):
        """Of what CMake itself writes when it configures, ninja knows nothing."""
        if generated not in self.inputs:
            asked = ("ninja", "-t", "inputs", os.path.relpath(self.top / generated, self.folder))
            done = subprocess.run(asked, cwd=self.folder, capture_output=True, text=True)
            self.inputs[generated] = {self.path(line) for line in done.stdout.splitlines()}
        return self.inputs[generated]

    def includes(self):
        """{object file: what it was compiled from}"""
        found, current = {}, set()
        for line in output("ninja", "-t", "deps", cwd=self.folder).splitlines():
            if line.startswith(" "):
                current.add(self.path(line.strip()))
            elif line:
                current = found.setdefault(line.split(":")[0], set())
        for paths in found.values():
            for generated in [path for path in paths if path and self.is_generated(path)]:
                paths |= self.made_of(generated)
        return found

    def touched_by(self, changed):
        """A source that is not compiled yet counts as changed; so do all of a folder of which CMake reads something to generate C."""
        includes = self.includes()
        folders = {os.path.dirname(path) for path in changed if pathlib.Path(path).suffix in READ_BY_CMAKE}
        return {
            path
            for path, made in self.sources.items()
            if path in changed or made not in includes or includes[made] & changed or {os.path.dirname(path), os.path.dirname(path) + "/page"} & folders
        }


def choose(build, stamp, everything):
    """The files to check, and which they are in words."""
    if everything:
        return set(build.sources), "all of them"
    try:
        base, since = base_commit(stamp)
        changed = changed_files(base)
    except Unknown as why:
        return set(build.sources), f"all of them ({why})"
    for_all = sorted(FOR_ALL & changed)
    if for_all:
        return set(build.sources), f"all of them ({', '.join(for_all)} changed)"
    return build.touched_by(changed), f"changed {since} ({base[:12]}), or with a header that did"


def check(build, path):
    done = subprocess.run(["clang-tidy", "--quiet", "-p", build.folder, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return "" if done.returncode == 0 else done.stdout or f"{path}: clang-tidy ended with {done.returncode}\n"


def remember(stamp):
    """This commit passed, if it is what is here."""
    try:
        if not git("status", "--porcelain"):
            stamp.write_text(git("rev-parse", "HEAD") + "\n")
    except Unknown:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("build", nargs="?", default="build/asan", type=pathlib.Path)
    arguments = parser.parse_args()
    build = Build(arguments.build.resolve(), pathlib.Path.cwd())
    stamp = build.folder / "tidy-passed"
    files, which = choose(build, stamp, arguments.all)
    print(f"{len(files)} of {len(build.sources)} files: {which}", flush=True)
    if arguments.list:
        for path in sorted(files):
            print(path)
        return 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = [text for text in pool.map(lambda path: check(build, path), sorted(files)) if text]
    print("".join(findings), end="")
    if not findings:
        remember(stamp)
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
