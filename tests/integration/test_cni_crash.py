# SPDX-License-Identifier: Apache-2.0
"""An ADD that is killed before each of its system calls: the DEL that follows leaves nothing, and so does a new ADD in the
same sandbox, which works."""
import collections
import json
import os
import re
import subprocess

import pytest

from cni_host import PLUGIN, Host
from vpc.pod import environment
from vpc.process import SANITIZER_OPTIONS

ARGS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0"
CALL = re.compile(r"^(\w+)\(")
TRIES = 5


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    try:
        yield host
        host.assert_clean()
    finally:
        host.close()


def run_traced(trace, options, conf, variables):
    """The plugin under strace, in the namespace of the calling thread. Returns its exit status."""
    environ = {**SANITIZER_OPTIONS, "PATH": os.environ["PATH"], **variables, "ASAN_OPTIONS": "detect_leaks=0"}  # a tracer, too
    command = ["strace", "-s", "0", "-o", str(trace), *options, str(PLUGIN)]
    return subprocess.run(command, input=json.dumps(conf).encode(), capture_output=True, timeout=270, env=environ).returncode


class Killer:
    def __init__(self, host, trace):
        self.host, self.trace = host, trace
        self.conf = {"cniVersion": "1.1.0", "name": "net", "type": "vpcwire", "socket": str(host.socket), "timeoutSeconds": 60}
        self.variables = environment("ADD", host.container_id, f"/run/netns/{host.pod}", "eth0", ARGS)

    def run(self, *options):
        return self.host.inside.call(run_traced, self.trace, options, self.conf, self.variables)

    def calls_from_connect_on(self):
        """(name, how many of that name came before and with it): before it has a connection, an ADD changes nothing."""
        calls = None
        for _ in range(TRIES):  # one that waited may have made some more: two that are alike are taken
            before, calls = calls, self.calls_of_one_add()
            if calls == before:
                return calls
        raise AssertionError(f"no two of {TRIES} ADDs made the same calls")

    def calls_of_one_add(self):
        assert self.run() == 0
        assert self.host.cni("DEL").rc == 0
        names = [match.group(1) for match in map(CALL.match, self.trace.read_text().splitlines()) if match]
        ordinals = collections.Counter()
        calls = []
        for name in names:
            ordinals[name] += 1
            calls.append((name, ordinals[name]))
        return calls[names.index("connect") :]

    def kill_at(self, name, ordinal):
        codes = []
        while -9 not in codes and len(codes) < TRIES:  # an ADD may get by without a call that it made twice before
            assert self.host.cni("DEL").rc == 0
            codes.append(self.run("-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={ordinal}"))
        assert codes[-1] == -9, (name, ordinal, codes)


def test_killed_before_each_system_call(host, tmp_path):
    killer = Killer(host, tmp_path / "trace")
    with host.daemon():
        calls = killer.calls_from_connect_on()
        half_made = 0
        for call in calls:
            if call[0] == "exit_group":
                continue
            killer.kill_at(*call)
            links = host.links()
            half_made += len(links) > 1 and host.routes() == []
            done = host.cni("DEL", args=ARGS)
            assert (done.rc, host.links(), host.links(host.pod), host.routes()) == (0, ["lo"], ["lo"], []), call
            killer.kill_at(*call)
            again = host.cni("ADD")
            assert again.rc == 0, (call, again)
            assert host.cni("CHECK", prevResult=again.json).rc == 0, call
            assert host.cni("DEL").rc == 0
            assert (host.links(), host.links(host.pod), host.routes()) == (["lo"], ["lo"], []), call
        assert half_made, "it was also killed between the link and the rest"
