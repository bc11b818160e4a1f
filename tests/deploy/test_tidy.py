# SPDX-License-Identifier: Apache-2.0
"""tests/tidy.py: which files clang-tidy is given."""
import subprocess

import pytest

from conftest import TOP, run

FILES = {
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.25)\nproject(p C)\nset(CMAKE_EXPORT_COMPILE_COMMANDS ON)\nadd_library(l one.c two.c)\n",
    "shared.h": "int shared(void);\n",
    "one.c": '#include "shared.h"\nint one(void) { return shared(); }\n',
    "two.c": "int two(void) { return 2; }\n",
}


class Tree:
    def __init__(self, folder):
        self.folder = folder
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "test")
        self.git("config", "user.email", "test@example.com")
        for name, text in FILES.items():
            self.commit(name, text)
        (folder / ".git/info/exclude").write_text("build/\n")

    def git(self, *arguments):
        return run("git", "-C", self.folder, *arguments).strip()

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def commit(self, name, text):
        self.write(name, text)
        self.git("add", name)
        self.git("commit", "-q", "-m", name)

    def list(self, *arguments):
        run("cmake", "-G", "Ninja", "-S", self.folder, "-B", self.folder / "build")
        run("cmake", "--build", self.folder / "build")
        return set(run("python3", TOP / "tests/tidy.py", "--list", *arguments, "build", cwd=self.folder).splitlines()[1:])


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path)
    tree.git("checkout", "-q", "-b", "work")
    return tree


def test_nothing_changed(tree):
    assert tree.list() == set()
    assert tree.list("--all") == {"one.c", "two.c"}


def test_a_source_changed(tree):
    tree.commit("two.c", "int two(void) { return 3; }\n")
    assert tree.list() == {"two.c"}


def test_a_header_counts_for_what_includes_it_also_uncommitted(tree):
    tree.write("shared.h", "int shared(void); /* changed */\n")
    assert tree.list() == {"one.c"}


def test_what_cmake_makes_c_of_counts_for_its_folder(tree):
    tree.commit("table.csv", "1,2\n")
    assert tree.list() == {"one.c", "two.c"}


@pytest.mark.parametrize("name, text", [(".clang-tidy", "Checks: '*'\n"), ("CMakeLists.txt", FILES["CMakeLists.txt"] + "# changed\n")])
def test_other_checks_or_flags_count_for_all(tree, name, text):
    tree.commit(name, text)
    assert tree.list() == {"one.c", "two.c"}


def test_on_main_what_changed_since_it_passed(tree):
    tree.git("checkout", "-q", "main")
    tree.commit("one.c", FILES["one.c"] + "/* changed */\n")
    tree.commit("two.c", FILES["two.c"] + "/* changed */\n")
    assert tree.list() == {"two.c"}, "since the commit before"
    (tree.folder / "build/tidy-passed").write_text(tree.git("rev-parse", "HEAD~2") + "\n")
    assert tree.list() == {"one.c", "two.c"}
    (tree.folder / "build/tidy-passed").write_text(tree.git("rev-parse", "HEAD") + "\n")
    assert tree.list() == set()


def test_without_git_all_are_checked(tree):
    subprocess.run(["rm", "-rf", tree.folder / ".git"], check=True)
    assert tree.list() == {"one.c", "two.c"}
