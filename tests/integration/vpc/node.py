# SPDX-License-Identifier: Apache-2.0
"""A node of the simulated VPC with ipamd in its network namespace."""
import concurrent.futures
import json
import os
import pathlib
import time

from . import netns, rpc, web
from .pod import Pod, environment, heard, network_conf, run_plugin
from .process import BUILD, SANITIZER_OPTIONS, Daemon, run, wait_until

READY_DEADLINE_S = 30
REFUSAL_DEADLINE_S = 60
CNI_WORKERS = 64
POD_LINK_PREFIX = "eni"
DESCRIBE, TAG = "DescribeNetworkInterfaces", "CreateTags"
SUBNETS_COUNTED_S = 60
_background = concurrent.futures.ThreadPoolExecutor(2 * CNI_WORKERS)


class DaemonDiedError(Exception):
    """Waiting for it is over."""


class Node:
    """start(), stop(), kill9() and restart() are the daemon's; cni() and add_pod() what a runtime does."""

    def __init__(self, simulator, name, folder, build=BUILD, env=None, **description):
        self.simulator, self.name, self.build = simulator, name, pathlib.Path(build)
        self.facts = simulator.add_node(name, **description)
        self.netns = simulator.namespace(name)
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket, self.db = self.folder / "ipamd.sock", self.folder / "ipam.db"
        self.log = self.folder / "ipamd.log"
        self.conf = self.folder / "ipamd.conf"
        self.env = {
            "VPCWIRE_SOCKET": str(self.socket),
            "VPCWIRE_DB": str(self.db),
            "VPCWIRE_CONF": str(self.conf),
            "AWS_EC2_ENDPOINT": simulator.ready["ec2"],
            **(env or {}),
        }
        self.program = "ipamd"
        self.proc = None
        self.pods = []
        self.inside = netns.Threads(self.netns, CNI_WORKERS)

    # ---- the daemon ----

    def command(self):
        return ["ip", "netns", "exec", self.netns, self.build / "bin" / self.program]

    def daemon_env(self, **changes):
        """This test's environment without AWS's and our own variables, plus this node's."""
        clean = {key: None for key in os.environ if key.startswith(("AWS_", "VPCWIRE_", "WARM_", "CNI_", "INTROSPECTION_", "DISABLE_"))}
        return {**clean, **self.env, **changes}

    def start(self, wait=True, deadline_s=READY_DEADLINE_S):
        assert self.proc is None or not self.proc.alive(), "it runs"
        self.began = time.monotonic()
        self.proc = Daemon(self.command(), self.log, env=self.daemon_env())
        if wait:
            self.wait_ready(deadline_s)
        return self

    def refused_start(self, **env):
        """Another ipamd with this node's environment and env, which must end by itself with an error; what it said."""
        daemon = Daemon(self.command(), self.log, env=self.daemon_env(**env))
        try:
            wait_until(lambda: not daemon.alive(), REFUSAL_DEADLINE_S, why="it refuses to start")
        finally:
            if daemon.alive():
                daemon.kill()
        daemon.check_log()
        assert daemon.process.returncode > 0, daemon.tail()
        return daemon.text()

    def stop(self):
        """SIGTERM; it must end well and say nothing bad."""
        if self.proc is None:
            return
        proc, self.proc = self.proc, None
        code = proc.stop()
        proc.check_log()
        assert code == 0, f"ipamd of {self.name} ended with {code}:\n{proc.tail()}"

    def kill9(self):
        """SIGKILL: no chance to tidy up."""
        self.proc.kill()
        self.proc.check_log()
        self.proc = None

    def restart(self, deadline_s=READY_DEADLINE_S):
        self.stop()
        return self.start(deadline_s=deadline_s)

    def wait_ready(self, deadline_s=READY_DEADLINE_S):
        def ready():
            if not self.proc.alive():
                raise DaemonDiedError(f"ipamd of {self.name} ended with {self.proc.process.returncode}:\n{self.proc.tail()}")
            return self.status()["ready"]

        wait_until(ready, deadline_s, why=f"ipamd of {self.name} ready; its log: {self.log}")
        return self

    # ---- what it says ----

    def call(self, method, **parameters):
        """One Varlink call."""
        return rpc.call(self.socket, method, parameters)

    def connect(self, timeout=60):
        return rpc.Connection(self.socket, timeout)

    def ctl(self, *arguments, check=True):
        """`ipamctl --json ...`, parsed."""
        env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": str(self.socket)}
        done = run(self.build / "bin/ipamctl", "--json", *arguments, check=check, env=env)
        return json.loads(done.stdout) if check else done

    def screen(self, *arguments):
        """What `ipamctl ...` shows people."""
        env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": str(self.socket)}
        return run(self.build / "bin/ipamctl", *arguments, env=env).stdout

    def export(self, *options):
        """`ipamctl export aws-vpc-cni` in the node's namespace."""
        env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": str(self.socket)}
        return run("ip", "netns", "exec", self.netns, self.build / "bin/ipamctl", *options, "export", "aws-vpc-cni", env=env)

    def command_line(self, *arguments, check=True):
        """`ipamd ARGUMENTS`, with the daemon's environment."""
        env = {**os.environ, **SANITIZER_OPTIONS, **self.daemon_env()}
        return run(*self.command(), *arguments, check=check, env={key: value for key, value in env.items() if value is not None})

    def status(self):
        return self.call("Status")

    def pool(self):
        return self.status()["pool"]

    def enis(self):
        return self.call("List")["enis"]

    def leases(self):
        return self.call("List")["leases"]

    def imports(self):
        return self.call("List").get("imports", [])

    def wait_pool(self, condition, deadline_s=30, why=""):
        """Waits until condition(pool) holds; that pool."""

        def look():
            pool = self.pool()
            assert condition(pool), pool
            return pool

        return wait_until(look, deadline_s, why=why or "pool")

    def quiet(self, **expected):
        """Its pool, if nothing is under way, nobody waits, and the counts are as expected; else an AssertionError."""
        pool, enis = self.pool(), self.enis()
        assert enis and all(eni["state"] == "ready" for eni in enis), enis
        assert pool["waiting"] == pool["preparing"] == pool["leaving"] == 0, pool
        assert {key: pool[key] for key in expected} == expected, pool
        return pool

    def wait_quiet(self, deadline_s=30, **expected):
        return wait_until(lambda: self.quiet(**expected), deadline_s, why=f"quiet with {expected}")

    def wait_start_calls(self, looks=1):
        """Until a first start has made its calls to EC2, which go on after it serves: the resync at what is attached, the primary
        ENI's tag, and (looks=2) some seconds later the look for lost ENIs, for which one that growth asks for is taken, too. All are
        answered when this returns."""

        def made():
            done = self.metrics()
            answered = {action: done[web.sample("vpcwire_ec2_calls_total", action=action, **{"class": "ok"})] for action in (DESCRIBE, TAG)}
            return answered[DESCRIBE] >= looks and answered[TAG]

        wait_until(made, 60, why="the calls of a start")

    def wait_until(self, what, deadline_s=10, why=""):
        return wait_until(what, deadline_s, why)

    def calls(self):
        """EC2 calls by action that this node's daemon made since the last reset."""
        count = {}
        for call in self.simulator.ctl("calls")["log"]:
            if call.get("node") == self.name:
                count[call["action"]] = count.get(call["action"], 0) + 1
        return count

    def may_have_counted_subnets(self):
        """Whether a start is so long ago that EC2 may have been asked, once, what the subnets have left: on a slow machine it
        falls into the time of any test. Asked after calls()."""
        return time.monotonic() - self.began >= SUBNETS_COUNTED_S

    def web(self, path, to=web.INTROSPECTION, **request):
        """One HTTP request, made in the node."""
        return self.inside.call(web.get, to, path, **request)

    def metrics(self):
        """All samples as web.samples() has them."""
        answer = self.web("/metrics", to=web.METRICS)
        assert answer.status == 200, answer
        return web.samples(answer.text)

    def metric(self, name, **labels):
        """One sample's number."""
        return self.metrics()[web.sample(name, **labels)]

    # ---- what a runtime does ----

    def cni_conf(self, **changes):
        return network_conf(self, **changes)

    def cni(self, command, container_id, netns=None, ifname="eth0", conf=None, args=None, env=None):
        """One call of the plugin in this node's namespace. conf: a dict, or text as it is; env: more variables."""
        variables = {**environment(command, container_id, netns, ifname, args), **(env or {})}
        conf = self.cni_conf() if conf is None else conf
        return self.inside.call(run_plugin, self.build / "bin/vpcwire", conf, variables)

    def cni_status(self):
        """What the plugin's STATUS gives; of a daemon that answers."""
        return heard(lambda: self.cni("STATUS", "", conf=self.cni_conf(cniVersion="1.1.0")))

    def pod_netns(self, name, **changes):
        """A pod that has a namespace and is not wired yet."""
        return Pod(self, name, **changes)

    def add_pod(self, name, **changes):
        pod = self.pod_netns(name)
        pod.add(**changes)
        return pod

    def add_pods(self, names):
        """All at once, as a kubelet does after a drain elsewhere."""
        pods = [self.pod_netns(name) for name in names]
        for future in [self.start_thread(pod.add) for pod in pods]:
            future.result()
        return pods

    def delete_pods(self, pods):
        """All at once: what is free then is a whole ENI's, and not some here and some there."""
        for future in [self.start_thread(pod.delete) for pod in pods]:
            future.result()

    @staticmethod
    def start_thread(function, *args, **kwargs):
        """Runs function(...) beside us; a future."""
        return _background.submit(function, *args, **kwargs)

    # ---- the node itself ----

    @property
    def address(self):
        return self.facts["primary_address"]

    @property
    def public_address(self):
        return self.facts["public_address"]

    def exec(self, *command, **kwargs):
        return netns.execute(self.netns, *command, **kwargs)

    def ip(self, *arguments):
        return netns.ip(self.netns, *arguments)

    def pod_links(self):
        """The host ends of pod links."""
        return {link["ifname"]: link for link in self.ip("link", "show") if link["ifname"].startswith(POD_LINK_PREFIX)}

    def pod_routes(self):
        """Destinations of the routes in the pods' table."""
        return sorted(route["dst"] for route in self.ip("route", "show", "table", "512"))

    def check_kernel(self):
        """Kernel, database and pods say the same: one link and one route per lease, no more."""
        leases = self.leases()
        assert sorted(self.pod_links()) == sorted(lease["host_ifname"] for lease in leases)
        assert self.pod_routes() == sorted(lease["address"] for lease in leases)

    def check_database(self):
        """Of a node that is quiet: EC2, database and leases say the same: every ENI and address in both, no address with two pods."""
        leased = [lease["address"] for lease in self.leases()]
        assert len(leased) == len(set(leased)), f"an address twice: {leased}"
        ec2 = {eni["id"]: eni for eni in self.simulator.enis(self.name)}
        ours = {eni["eni_id"]: eni for eni in self.enis()}
        assert sorted(ours) == sorted(ec2)
        assigned = [address for eni in ec2.values() for address in eni["addresses"]]
        assert set(leased) <= set(assigned)

    def close(self):
        """Pods and threads; the daemon is stopped before."""
        for pod in list(self.pods):
            pod.remove_netns()
        self.inside.close()
