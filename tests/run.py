# SPDX-License-Identifier: Apache-2.0
"""What tests/run.sh runs: the parts, the steps of each, and what they need. The last line is "N passed, N failed"; the exit code
is 0 only if none failed."""
import argparse
import os
import pathlib
import re
import sys

import steps
from steps import Kind, Step

LOGS = "build/log"
PYTHON = "build/venv/bin/python"
PROCESSORS = os.cpu_count() or 1
# Integration tests mostly wait, so more of them than processors run side by side.
WORKERS = PROCESSORS * 2
# Long steps take what is left of the processors: first those that the last tests wait for, and last what nothing waits for.
WAITED_FOR, BESIDE, LAST = 5, 10, 19

PARTS = {
    "all": "(default) lint, unit, integration, deploy",
    "unit": "the C unit tests, under AddressSanitizer and UBSan, and as they are shipped",
    "integration": "pytest against the daemons in network namespaces",
    "deploy": "what is shipped beside the programs: manifests, chart, policies, package",
    "foreign": "our EC2 client and the daemon against moto and LocalStack (from PyPI), what is shipped against Kubernetes' own\n"
    "programs (from Go modules)",
    "vm": "on other kernels, in machines of qemu: --kernel 5.10, 6.1 (default), 6.12 or all; -m quick: some of it",
    "lint": "clang-format, clang-tidy, shellcheck. clang-tidy checks what changed since the branch left main (on main: since\n"
    "it last passed), and what includes that; --all: everything",
    "ci": "what .ci/run runs: all of the above, `lint --all` and `vm -m quick`",
}
NEED_ROOT = ("integration", "foreign", "vm")
TESTS = {  # the steps that a part is for; all that these need is run before them
    "unit": ("unit tests", "unit tests as shipped"),
    "integration": ("integration tests",),
    "deploy": ("deploy tests",),
    "foreign": ("foreign tests",),
    "vm": ("vm tests",),
    "lint": ("clang-format", "shellcheck", "python syntax", "clang-tidy"),
}
PARTS_OF = {
    "all": ("lint", "unit", "integration", "deploy"),
    "ci": ("lint", "unit", "integration", "deploy", "foreign", "vm"),
}
BUILT = ("build asan", "build release", "python packages", "tools of others")


def prepare(line):
    return ("bash", "-c", f". deploy/prepare.sh; {line}")


def install(name):
    return prepare(f'packages_install "${{{name}[@]}}"')


def build(preset):
    return prepare(f"build_preset {preset}")


def venv(folder, requirements):
    """Made anew only when Python or what is asked for changed."""
    return ("bash", "-c", f"""
        stamp="$(python3 --version) $(sha256sum <{requirements})"
        [ "$stamp" = "$(cat {folder}/made-of 2>/dev/null)" ] && exit
        rm -rf {folder}
        python3 -m venv {folder} &&
                {folder}/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r {requirements} &&
                echo "$stamp" >{folder}/made-of""")


def ctest(preset):
    words = f"ctest --test-dir build/{preset} --parallel {PROCESSORS} --no-tests=error --output-on-failure --output-junit {{junit}}"
    return (*words.split(), "--test-output-size-passed", "1000000", "--test-output-size-failed", "1000000")


def pytest(folder, arguments, workers=WORKERS):
    words = f"{PYTHON} -m pytest {folder} --numprocesses {workers} --dist loadgroup --junitxml {{junit}}"
    return (*words.split(), *arguments)


PYTEST_ENVIRONMENT = (
    ("VPCWIRE_BUILD", os.path.abspath("build/asan")),
    ("VPCWIRE_RELEASE_BUILD", os.path.abspath("build/release")),
    ("PYTHONDONTWRITEBYTECODE", "1"),
)
CTEST_ENVIRONMENT = (("CMOCKA_MESSAGE_OUTPUT", "tap"),)
SHELL_SCRIPTS = r"find deploy tests .ci -type f \( -name '*.sh' -o -name '*.bash' -o -path '.ci/*' \) -print0"
C_FILES = "find include lib ipamd cni tests -name '*.[ch]' -print0"
PYTHON_SYNTAX = """
import ast, sys
for path in sys.argv[1:]:
    compile(open(path).read(), path, "exec", flags=ast.PyCF_ONLY_AST)"""


def table(tidy_arguments, pytest_arguments, vm_arguments):
    """All steps. What takes long and is waited for by nobody stands last among what may begin at once."""

    def setup(name, command, *needs, after=(), nice=0):
        return Step(name, Kind.SETUP, command, needs, after=after, nice=nice)

    def check(name, command, *needs, nice=0):
        return Step(name, Kind.CHECK, command, needs, nice=nice)

    def unit(name, preset, after=()):
        return Step(name, Kind.CTEST, ctest(preset), ("build asan", f"build {preset}"), after=after, environment=CTEST_ENVIRONMENT)

    def suite(name, arguments, needs, **how):
        return Step(f"{name} tests", Kind.PYTEST, pytest(f"tests/{name}", **arguments), needs, environment=PYTEST_ENVIRONMENT, **how)

    usual = {"arguments": pytest_arguments}

    return (
        setup("packages", install("packages_test")),
        setup("etcd", install("packages_foreign"), "packages"),
        setup("build asan", build("asan"), "packages"),
        setup("build release", build("release"), "build asan"),
        setup("python packages", venv("build/venv", "tests/requirements.txt"), "packages"),
        setup("tools of others", (PYTHON, "tests/fetch_tools.py", "tools", "build/tools"), "python packages"),
        setup("moto", venv("build/venv-moto", "tests/foreign/requirements-moto.txt"), "packages", nice=WAITED_FOR),
        setup("localstack", venv("build/venv-localstack", "tests/foreign/requirements-localstack.txt"), "packages", nice=WAITED_FOR),
        check("clang-format", ("bash", "-c", f"{C_FILES} | xargs -0 clang-format --dry-run -Werror"), "packages"),
        check("shellcheck", ("bash", "-c", f"{SHELL_SCRIPTS} | xargs -0 shellcheck --external-sources --severity=warning"), "packages"),
        check("python syntax", ("bash", "-c", f"find lib tests -name '*.py' -print0 | xargs -0 python3 -W error -c '{PYTHON_SYNTAX}'"), "packages"),
        unit("unit tests", "asan"),
        unit("unit tests as shipped", "release", after=("unit tests",)),
        suite("integration", usual, BUILT, after=("unit tests as shipped",)),
        suite("deploy", usual, BUILT, after=("integration tests",)),
        # Some hundreds of modules of others: what cannot be had today is no fault of ours. Its tests are then skipped, and say so.
        Step("kubernetes", Kind.OPTIONAL, (PYTHON, "tests/fetch_tools.py", "kubernetes", "build/kubernetes"), ("python packages",), nice=WAITED_FOR),
        check("clang-tidy", ("python3", "tests/tidy.py", *tidy_arguments), "build asan", nice=LAST),
        setup("qemu", install("packages_vm"), "packages", after=("etcd",)),
        # One machine at a time: each has as many processors as are here.
        suite("vm", {"arguments": vm_arguments, "workers": 1}, (*BUILT, "qemu"), wants=("kubernetes",), nice=BESIDE),
        suite("foreign", usual, (*BUILT, "moto", "localstack", "etcd"), wants=("kubernetes",), after=("deploy tests",)),
    )


def parse(argv):
    parts = "".join(f"  {name:12}  {text}\n".replace("\n", "\n" + " " * 16).rstrip(" ") for name, text in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="sudo tests/run.sh",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=f"sudo tests/run.sh [{'|'.join(PARTS)}] [ARGUMENT...]",
        description="Builds and tests everything, from a bare Debian 12 on. Steps write their output to build/log/.\n"
        "tests/README.md says more.\n\n" + parts,
        epilog="ARGUMENTs of integration, deploy, foreign and vm go to pytest, say: -k crash -x. Root is needed for network namespaces\n"
        'and to install what is missing with apt-get. Without root "all" and "unit" run what needs none and say what they\n'
        'left out; "integration", "foreign" and "vm" are refused.',
    )
    parser.add_argument("part", nargs="?", choices=PARTS, default="all", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def tests_in(part):
    return sum(len(re.findall(r"^def test_", path.read_text(), re.M)) for path in pathlib.Path(f"tests/{part}").rglob("test_*.py"))


def main(argv):
    chosen = parse(argv)
    parts = PARTS_OF.get(chosen.part, (chosen.part,))
    if chosen.arguments and (len(parts) > 1 or chosen.part == "unit"):
        print(f"tests/run.sh {chosen.part} takes no arguments, and was given: {' '.join(chosen.arguments)}", file=sys.stderr)
        return 2
    root, left_out = os.geteuid() == 0, []
    if not root:
        if chosen.part in NEED_ROOT:
            print(f"tests/run.sh {chosen.part}: root is needed to make network namespaces; nothing was run (sudo tests/run.sh {chosen.part})", file=sys.stderr)
            return 1
        print("not root: no packages are installed, and tests that need network namespaces are skipped")
        left_out = [part for part in parts if part in NEED_ROOT]
    several = len(parts) > 1
    names = [name for part in parts if part not in left_out for name in TESTS[part]]
    shown = names[0] if not several and len(names) == 1 else None
    everything = chosen.part == "ci"
    plan = steps.closure(
        table(
            tidy_arguments=["--all"] if everything else [] if several else chosen.arguments,
            pytest_arguments=[] if several else chosen.arguments,
            vm_arguments=["-m", "quick"] if everything else chosen.arguments,
        ),
        names,
    )
    counts = steps.run(plan, LOGS, shown)
    for part in left_out:
        print(f"NOT RUN, for want of root: {part} tests")
        counts[2] += tests_in(part)
    passed, failed, skipped = counts
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
