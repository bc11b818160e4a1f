# SPDX-License-Identifier: Apache-2.0
"""`ipamd install`, step by step: the order of its system calls, and its death before each of them."""
import os
import re
import shutil
import stat
import time

import pytest

from vpc.host import Host
from vpc.process import BUILD

FIRST_AGE_S = 3600
# What happens to the plugin's file, in order. The mode is there before the name is, and all of it is on the disk.
STEPS = ["openat", "write", "fchmod", "fsync", "rename", "openat", "fsync"]
CALL = re.compile(r"^\d+ +(\w+)\((.*?)\) += (-?\d+)")


@pytest.fixture
def host(make_node, tmp_path):
    return Host(make_node("n1", start=False), tmp_path)


def strace(host, *options, code=0):
    """`ipamd install` under strace: its calls as (name, arguments, result)."""
    trace = host.template.parent / "trace"
    wrapper = ["strace", "-f", "-y", "-s", "0", "-o", trace, "-e", "trace=" + ",".join(sorted(set(STEPS))), *options]
    host.run("install", code=code, wrapper=wrapper, ASAN_OPTIONS="detect_leaks=0")  # the leak detector is a tracer, too
    return [match.groups() for match in map(CALL.match, trace.read_text().splitlines()) if match]


def steps_of_the_plugin(host, calls):
    """(name, how many of that name came before and with it) of each call that touches the plugin's file or its folder."""
    ordinal, steps = {}, []
    for name, arguments, result in calls:
        ordinal[name] = ordinal.get(name, 0) + 1
        its_file = f"{host.plugin}.tmp-" in arguments
        its_folder = f"<{host.bin}>" in arguments or f'"{host.bin}"' in arguments
        if int(result) >= 0 and (its_file or its_folder and steps):  # before, the folder is looked at for what others left
            steps.append((name, ordinal[name]))
    return steps


def test_order(host):
    steps = [name for name, _ in steps_of_the_plugin(host, strace(host))]
    assert [name for i, name in enumerate(steps) if name != "write" or steps[i - 1] != "write"] == STEPS
    assert stat.S_IMODE(host.plugin.stat().st_mode) == 0o755


@pytest.mark.parametrize("older", [False, True], ids=["nothing there", "an older one there"])
def test_killed_before_each_step(host, older):
    """What is there is whole, the old or the new; the next install makes it right, and later ones tidy up."""
    new = (BUILD / "bin/vpcwire").read_bytes()
    steps = steps_of_the_plugin(host, strace(host))
    for name, ordinal in steps:
        for path in host.bin.iterdir():
            path.unlink()
        if older:
            shutil.copy("/bin/true", host.plugin)
        before = host.plugin.read_bytes() if older else None
        strace(host, "-e", f"inject={name}:signal=KILL:when={ordinal}", code=-9)
        there = host.plugin.read_bytes() if host.plugin.exists() else None
        assert there in (before, new), (name, ordinal)
        assert there is None or os.access(host.plugin, os.X_OK), (name, ordinal)
        host.run("install")
        assert host.plugin.read_bytes() == new
        for path in host.bin.glob("vpcwire.tmp-*"):
            then = time.time() - FIRST_AGE_S
            os.utime(path, (then, then))
        (host.bin / "vpcwire.tmp-of-a-user").write_text("x")
        host.run("install")
        assert host.names() == ["vpcwire", "vpcwire.tmp-of-a-user"], (name, ordinal)
