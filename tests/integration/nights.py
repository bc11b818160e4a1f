# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on a node at night, the one command that is typed then, and the words that must be on the screen. test_nights.py
checks them, bench/nights.py measures how long they take."""
import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import tempfile
import typing

from faults import error, script
from test_pool import SMALL_SUBNET, SMALL_WORLD, USER, fill_subnet
from vpc import wait_until
from vpc.process import SANITIZER_OPTIONS
from vpc.simulator import SUBNET_A

CONFLIST = '{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "vpcwire"}]}'
TINY = {"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "3", "MAX_ENI": "1", "IP_COOLDOWN_PERIOD": "1"}
GROWS = {"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "3", "IP_COOLDOWN_PERIOD": "1"}
NOBODY = ["setpriv", "--reuid=65534", "--clear-groups"]
DAY_S = 60  # in which a night has begun, on a slow machine


class Host:
    """A node as its operator sees it: a terminal on it, and the host's files, with all in its place."""

    def __init__(self, simulator, node, folder):
        self.simulator, self.node, self.root = simulator, node, pathlib.Path(folder)
        self.env = {}
        self.write("etc/cni/net.d/10-vpcwire.conflist", CONFLIST)
        self.write("opt/cni/bin/vpcwire", "").chmod(0o755)
        self.write("proc/1/cmdline", "/sbin/init\0")
        self.write("lib/systemd/system/vpcwire-ipamd.service", "")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)
        return self.root / path

    def type(self, command, before=(), program=None):
        """`ipamctl COMMAND`, with the variables that a host where nothing was moved does not need."""
        ours = {"VPCWIRE_DB": str(self.node.db), "VPCWIRE_SOCKET": str(self.node.socket), "VPCWIRE_CONF": str(self.node.conf),
                "XTABLES_LOCKFILE": str(self.root / "xtables.lock")}
        root = ["--root", self.root] if command == "doctor" else []
        line = [*before, program or self.node.build / "bin/ipamctl", *root, command]
        return self.node.exec(*line, check=False, cwd="/", env={**os.environ, **SANITIZER_OPTIONS, **ours, **self.env})

    @contextlib.contextmanager
    def waiting(self, name="late"):
        """A pod that gets no address."""
        pod = self.node.pod_netns(name)
        future = self.node.start_thread(pod.cni, "ADD", conf=self.node.cni_conf(timeoutSeconds=240))
        try:
            wait_until(lambda: self.node.pool()["waiting"] == 1, DAY_S)
            yield
        finally:
            done = pod.cni("DEL")
            assert done.rc == 0, f"it does not end the ADD, which waits for minutes: {done}"
            future.result()

    def is_blocked(self, cause):
        return cause in {row["cause"] for row in self.node.status()["blocked"]}


@dataclasses.dataclass
class Night:
    name: str
    command: str
    code: int
    begin: typing.Callable  # a context of a Host, whose value is how type() is called
    cause: tuple  # words of it, and ...
    remedy: tuple  # ... of what to do
    env: dict = dataclasses.field(default_factory=dict)
    world: dict = dataclasses.field(default_factory=dict)
    subnet: str = SUBNET_A


@contextlib.contextmanager
def scripted(host, *rules):
    """Calls fail by these rules until the end."""
    script(host.simulator, *rules)
    try:
        yield
    finally:
        script(host.simulator)


@contextlib.contextmanager
def full(host):
    host.node.add_pods(["p0", "p1", "p2"])
    with host.waiting():
        wait_until(lambda: host.node.status()["room"] == "none", DAY_S)
        yield {}


@contextlib.contextmanager
def subnet_full(host):
    wait_until(lambda: host.node.quiet()["free"] >= 1, DAY_S)
    fill_subnet(host.simulator.client(USER))
    n = 0
    while host.node.pool()["free"] > 0:
        host.node.add_pod(f"p{n}")
        n += 1
    with host.waiting():
        wait_until(lambda: host.is_blocked("capacity_subnet"), DAY_S)
        yield {}


@contextlib.contextmanager
def denied(host):
    host.node.wait_quiet(free=3)
    host.simulator.ctl("set-denied", actions=["CreateNetworkInterface"])  # the first ENI is full: it is all that would help
    try:
        host.node.add_pods(["p0", "p1", "p2"])
        with host.waiting():
            wait_until(lambda: host.is_blocked("denied"), DAY_S)
            yield {}
    finally:
        host.simulator.ctl("set-denied", actions=[])


@contextlib.contextmanager
def throttled(host):
    host.node.wait_quiet(free=3)
    with scripted(host, error("*", "RequestLimitExceeded", status=503)):
        host.node.add_pods(["p0", "p1", "p2"])
        with host.waiting():
            wait_until(lambda: host.is_blocked("throttled"), DAY_S)
            yield {}


@contextlib.contextmanager
def imds_away(host):
    """As seen by a daemon that starts: it has no credentials yet."""
    host.node.wait_quiet(free=3)
    with scripted(host, {"service": "imds", "action": "*", "effect": "error", "status": 403}):
        host.node.restart()
        host.node.add_pods(["p0", "p1", "p2"])
        with host.waiting():
            wait_until(lambda: host.node.status()["blocked"], DAY_S)
            yield {}


@contextlib.contextmanager
def dead(host):
    host.node.add_pod("p0")
    host.node.kill9()
    yield {}


@contextlib.contextmanager
def hung(host):
    host.node.add_pod("p0")
    os.kill(host.node.proc.pid, signal.SIGSTOP)
    try:
        yield {}
    finally:
        os.kill(host.node.proc.pid, signal.SIGCONT)


@contextlib.contextmanager
def hung_and_called(host):
    """Its callers are so many that the kernel takes no more: a runtime asks for the STATUS again and again."""
    with hung(host) as how, contextlib.ExitStack() as callers:
        while True:
            caller = callers.enter_context(socket.socket(socket.AF_UNIX))
            caller.setblocking(False)
            try:
                caller.connect(str(host.node.socket))
            except BlockingIOError:
                yield how
                return


@contextlib.contextmanager
def something_else_listens(host):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(host.root / "other.sock"))
        other.listen()
        host.node.start_thread(lambda: other.accept()[0].close())
        host.env = {"VPCWIRE_SOCKET": str(host.root / "other.sock")}
        yield {}


@contextlib.contextmanager
def not_root(host):
    folder = tempfile.mkdtemp()
    try:
        os.chmod(folder, 0o755)
        yield {"before": NOBODY, "program": shutil.copy(host.node.build / "bin/ipamctl", folder)}
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def refused_reload(host):
    host.node.conf.write_text("WARM_IP_TARGET=many\n")
    os.kill(host.node.proc.pid, signal.SIGHUP)
    wait_until(lambda: str(host.node.conf) in {warning["subject"] for warning in host.node.status()["warnings"]}, DAY_S)
    yield {}


@contextlib.contextmanager
def refused_start(host):
    host.node.stop()
    host.node.conf.write_text("WARM_IP_TARGET=many\n")
    host.node.refused_start()
    yield {}


@contextlib.contextmanager
def wrong_socket(host):
    host.env = {"VPCWIRE_SOCKET": str(host.root / "elsewhere.sock"), "VPCWIRE_DB": str(host.root / "elsewhere.db")}
    yield {}


NIGHTS = [
    Night("full node", "status", 0, full, ("room", "none"), ("fix: ",), env=TINY),
    Night("subnet full", "status", 0, subnet_full, (SMALL_SUBNET["id"], "no free addresses"), ("fix: ",), env=GROWS, world=SMALL_WORLD, subnet=SMALL_SUBNET["id"]),
    Night("permission denied", "status", 0, denied, ("may not call ec2:CreateNetworkInterface",), ("allow ec2:CreateNetworkInterface and ec2:CreateTags",), env=GROWS),
    Night("account throttled", "status", 0, throttled, ("throttle",), ("fix: ",), env=GROWS),
    Night("IMDS away", "status", 0, imds_away, ("no credentials that AWS accepts",), ("fix: ipamctl doctor says why: IMDS",), env=GROWS, world={"credentials_ttl_s": 900}),
    Night("IMDS away", "doctor", 4, imds_away, ("fail       imds", "403"), ("modify-instance-metadata-options",), env=GROWS, world={"credentials_ttl_s": 900}),
    Night("daemon dead", "status", 1, dead, ("ipamd is down",), ("ipamctl doctor",)),
    Night("daemon dead", "doctor", 4, dead, ("it is not running",), ("systemctl start",)),
    Night("daemon hung", "status", 1, hung, ("does not answer",), ("ipamctl doctor",)),
    Night("daemon hung", "doctor", 4, hung, ("it is running, but hangs",), ("systemctl restart",)),
    Night("daemon hung, with many callers", "status", 1, hung_and_called, ("does not answer",), ("ipamctl doctor",)),
    Night("daemon hung, with many callers", "doctor", 4, hung_and_called, ("it is running, but hangs",), ("systemctl restart",)),
    Night("something else listens", "doctor", 4, something_else_listens, ("fail       daemon           ipamd closed the connection",), ("journalctl",)),
    Night("not root", "status", 1, not_root, ("only root",), ("sudo ipamctl",)),
    Night("not root", "doctor", 1, not_root, ("not by root",), ("sudo ipamctl doctor",)),
    Night("setting refused by SIGHUP", "status", 0, refused_reload, ("WARM_IP_TARGET", "many"), ("fix: correct it and send SIGHUP again",)),
    Night("setting refused at the start", "doctor", 4, refused_start, ("WARM_IP_TARGET", "many"), ("systemctl start",)),
    Night("wrong socket", "status", 1, wrong_socket, ("elsewhere.sock",), ("next: ",)),
    Night("wrong socket", "doctor", 4, wrong_socket, ("elsewhere.sock",), ("VPCWIRE_SOCKET",)),
]
