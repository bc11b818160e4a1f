# SPDX-License-Identifier: Apache-2.0
"""vpcsim as a fixture holds it: start, talk to its control socket, stop, and prove that nothing is left."""
import json
import os
import pathlib
import secrets
import socket
import string
import subprocess

from . import netns
from .deadline import patient
from .process import BUILD, Daemon, wait_until

READY_DEADLINE_S = 20
SUBNET_A, SUBNET_B = "subnet-aaaa0000000000001", "subnet-aaaa0000000000002"
PREFIX_BYTES = 8  # vpcsim takes no longer ones


def default_world(**changes):
    """One VPC, two subnets in two zones, no nodes."""
    world = {
        "region": "us-east-1",
        "account": "123456789012",
        "vpc": {"id": "vpc-0123456789abcdef0", "cidrs": ["10.0.0.0/16"]},
        "subnets": [
            {"id": SUBNET_A, "cidr": "10.0.1.0/24", "zone": "us-east-1a"},
            {"id": SUBNET_B, "cidr": "10.0.2.0/24", "zone": "us-east-1b"},
        ],
        "role": "node-role",
    }
    world.update(changes)
    return world


class Simulator:
    """A running vpcsim."""

    def __init__(self, world, folder, build=BUILD, options=()):
        # what makes a name unique: pytest's worker processes, and other runs of the suite at the same time
        self.prefix = "t" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(PREFIX_BYTES - 1))
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.control_path = self.folder / "vpcsim.sock"
        world_file = self.folder / "world.json"
        world_file.write_text(json.dumps(world, indent=1))
        ready_read, ready_write = os.pipe()
        with open(ready_write, "wb") as stdout:
            self.daemon = Daemon(
                [build / "bin/vpcsim", "run", "--world", world_file, "--prefix", self.prefix]
                + ["--control", self.control_path, "--ec2-port", "0", *options],
                self.folder / "vpcsim.log",
                stdout=stdout,
            )
        with open(ready_read) as stdout:
            line = stdout.readline()
        assert line, f"vpcsim did not start:\n{self.daemon.tail()}"
        self.ready = json.loads(line)
        assert self.ready["ready"] is True

    def ctl(self, command, **arguments):
        """One command on the control socket; its reply, which must be ok."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(patient(30))
            control.connect(str(self.control_path))
            control.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            reply = json.loads(control.makefile().readline())
        assert reply.get("ok") is True, f"vpcsim {command} {arguments}: {reply}"
        return reply

    def add_node(self, name, instance_type="t3.small", subnet=SUBNET_A, **more):
        """The node as vpcsim describes it: instance_id, primary_address, public_address, ..."""
        return self.ctl("add-node", name=name, instance_type=instance_type, subnet=subnet, **more)

    def client(self, user):
        """EC2 by boto3, as a user of the world file uses it."""
        import boto3  # here: the benchmarks and the demo run without packages from PyPI

        return boto3.client(
            "ec2",
            region_name="us-east-1",
            endpoint_url=self.ready["ec2_local"],
            aws_access_key_id=user["access_key_id"],
            aws_secret_access_key=user["secret_access_key"],
        )

    def calls(self):
        """EC2 calls by action since the last reset."""
        return dict(self.ctl("calls")["by_action"])

    def calls_reset(self):
        self.ctl("calls-reset")

    def status(self):
        return self.ctl("status")

    def enis(self, node=None):
        """ENIs as EC2 has them, each with the name of the node that it is attached to (or None); of one node only."""
        status = self.status()
        names = {known["instance_id"]: known["name"] for known in status["nodes"]}
        for eni in status["enis"]:
            eni["node"] = names[eni["attachment"]["instance_id"]] if eni["attachment"] else None
        return [eni for eni in status["enis"] if node is None or eni["node"] == node]

    def orphans(self):
        """ENIs that are attached to nobody."""
        return [eni for eni in self.enis() if eni["node"] is None]

    def wrong_source_packets(self):
        return self.ctl("counters")["wrong_source_packets"]

    def namespace(self, name):
        return f"{self.prefix}-{name}"

    @property
    def internet(self):
        return self.namespace("inet")

    def check(self):
        """What must hold at the end of every test."""
        assert self.daemon.alive(), f"vpcsim died:\n{self.daemon.tail()}"
        assert self.wrong_source_packets() == 0, self.ctl("offenders")
        assert self.ctl("check")["violations"] == []

    def stop(self):
        """Ends it and proves that it leaves nothing: no process, no namespace, no link."""
        code = self.daemon.stop()
        self.daemon.check_log()
        assert code == 0, f"vpcsim ended with {code}:\n{self.daemon.tail()}"
        left = netns.names(self.prefix)
        assert left == [], f"namespaces left over: {left}"
        assert not self.control_path.exists(), "control socket left over"

    def destroy(self):
        """After a failure: whatever is left goes, and nothing is proven."""
        if self.daemon.alive():
            self.daemon.process.terminate()
            try:
                self.daemon.process.wait(patient(READY_DEADLINE_S))
            except subprocess.TimeoutExpired:
                self.daemon.kill()
        for name in netns.names(self.prefix):
            for pid in netns.processes(name):
                os.kill(pid, 9)
            wait_until(lambda name=name: not netns.processes(name), why=f"empty namespace {name}")
            netns.delete(name)
