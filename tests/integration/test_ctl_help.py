# SPDX-License-Identifier: Apache-2.0
"""What tells people about the programs follows the programs: man pages and completion know every command, option and setting."""
import glob
import os
import pathlib
import re

import pytest

from vpc.process import BUILD, SANITIZER_OPTIONS, run

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["ipamd", "ipamctl", "vpcwire"]


def help_of(program, *arguments):
    return run(BUILD / "bin" / program, *arguments, "--help", env={**os.environ, **SANITIZER_OPTIONS}).stdout


def part(text, name):
    """First words of the lines of one part of ipamctl's help."""
    lines = text.split(f"\n{name}:\n", 1)[1].split("\n\n", 1)[0].splitlines()
    words = [line.split()[0] for line in lines]
    assert words
    return words


COMMANDS = part(help_of("ipamctl"), "commands")
OPTIONS = part(help_of("ipamctl"), "options")


def page(name):
    return (BUILD / f"deploy/man/{name}.8").read_text()


def words_of(text):
    """As a reader sees them: without roff's escapes."""
    return set(re.findall(r"[\w-]+", text.replace("\\-", "-").replace("\\e", "\\")))


@pytest.mark.parametrize("name", PAGES)
def test_man_pages_are_well_formed(name):
    for device in ("utf8", "ps"):  # a terminal and a typesetter
        done = run("groff", "-man", f"-T{device}", "-ww", "-z", BUILD / f"deploy/man/{name}.8")
        assert done.stderr == ""
    assert "@" not in re.sub(r"\S+@\S+", "", page(name)), "something was not put in"


def test_man_page_of_ipamctl_has_all():
    shown = run("groff", "-man", "-Tutf8", "-P-cbou", BUILD / "deploy/man/ipamctl.8").stdout.replace("\N{HYPHEN}", "-")
    known = words_of(page("ipamctl"))
    assert [word for word in [*COMMANDS, *OPTIONS] if word not in known] == []
    for command in COMMANDS:
        usage = help_of("ipamctl", command).splitlines()[0].removeprefix("usage: ipamctl [OPTIONS] ")
        assert usage.startswith(command) and re.search(rf"^ +{re.escape(usage)}( |$)", shown, re.M), usage


def test_man_page_of_ipamctl_has_no_more():
    text = page("ipamctl").replace("\\-", "-")
    assert set(re.findall(r"(?<![\w-])--[a-z-]+", text)) - {"--handover"} <= set(OPTIONS)  # that one is ipamd's


def test_man_page_of_ipamd_has_all_commands():
    """And no option that there is not."""
    usage = re.sub(r"\s+", " ", help_of("ipamd").split("\n\n", 1)[0])
    words = set(re.findall(r"(?:--)?[a-z]+", usage.removeprefix("usage: ipamd ")))
    text = page("ipamd").split(".SH SETTINGS", 1)[0].replace("\\-", "-")
    assert {"install", "uninstall", "--handover"} <= words and words <= set(re.findall(r"(?:--)?[a-z]+", text))
    assert set(re.findall(r"--[a-z-]+", text)) <= words


def test_man_page_of_ipamd_has_all_settings():
    settings = re.findall(r"^  ([A-Z][A-Z0-9_]+) +default ", help_of("ipamd"), re.M)
    assert len(settings) > 20
    known = words_of(page("ipamd"))
    assert [name for name in settings if name not in known] == []


def test_man_page_of_vpcwire_has_all_keys():
    """The keys are those of the table in the plugin's source; it has no help of its own."""
    table = (TOP / "cni/netconf.c").read_text().split("setting_table[] = {", 1)[1].split("};", 1)[0]
    keys = re.findall(r'\{"(\w+)",', table)
    assert len(keys) > 4
    assert [key for key in keys if key not in words_of(page("vpcwire"))] == []


def operands_of(command):
    """["a", "b"] of "usage: ipamctl [OPTIONS] command [a|b]"."""
    rest = help_of("ipamctl", command).splitlines()[0].removeprefix(f"usage: ipamctl [OPTIONS] {command}").strip(" []")
    return rest.split("|") if rest else []


def complete_bash(*words):
    script = f"""
        PATH={BUILD}/bin:$PATH
        . {TOP}/deploy/completion/ipamctl.bash
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _ipamctl
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": "/nonexistent"}
    return run("bash", "-ec", script, "bash", "ipamctl", *words, env=env).stdout.split()


def complete_zsh(*words):
    """compadd, _describe and _files belong to zsh's completion, which needs a terminal: here they only print."""
    script = f"""
        PATH={BUILD}/bin:$PATH
        compadd() {{ print -l -- "$@" }}
        _describe() {{ print -l -- ${{${{(P)2}}%%:*}} }}
        _files() {{ print files }}
        words=("$@") CURRENT=$#
        _run() {{ . {TOP}/deploy/completion/_ipamctl }}
        _run
    """
    env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": "/nonexistent"}
    return run("zsh", "-fc", script, "zsh", "ipamctl", *words, env=env).stdout.split()


@pytest.mark.parametrize("complete", [complete_bash, complete_zsh])
def test_completion(complete):
    def starting(words, start):
        return [word for word in words if word.startswith(start)] if complete is complete_bash else words

    assert complete("") == COMMANDS
    assert complete("ex") == starting(COMMANDS, "ex")
    assert complete("--json", "--socket", "/x", "ex") == starting(COMMANDS, "ex")
    assert complete("-") == OPTIONS
    for command in COMMANDS:
        assert complete(command, "-") == part(help_of("ipamctl", command), "options"), command
    assert complete("help", "") == COMMANDS
    assert complete("--s") == starting(OPTIONS, "--s")
    assert complete("log-level", "") == ["debug", "info", "warn", "error"]
    assert complete("explain", "") == []
    assert complete("events", "--last", "") == []
    operands = {command: operands_of(command) for command in COMMANDS}
    assert operands["health"] == ["live", "ready", "startup"] and operands["export"] == ["aws-vpc-cni"]
    for command in COMMANDS:
        if operands[command] not in (["FILE"], ["POD", "ADDRESS"], ["COMMAND"]):
            assert complete(command, "") == operands[command], command
    for option, argument in re.findall(r"^  (--\w+) +([A-Z]+) ", help_of("ipamctl"), re.M):
        completed = complete(option, "") if complete is complete_zsh else complete(option, "/etc/passw")
        names = ["files"] if complete is complete_zsh else glob.glob("/etc/passw*")
        assert sorted(completed) == (sorted(names) if argument in ("PATH", "FILE") else []), option
        assert complete(option, "x", "export", "") == ["aws-vpc-cni"], option
