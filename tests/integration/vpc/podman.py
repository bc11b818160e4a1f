# SPDX-License-Identifier: Apache-2.0
"""Debian's podman with its CNI backend on a simulated node, in a box: a runtime without Kubernetes, and without a daemon.

Images and podman's books are on the box's disk, and what it knows of this boot in /run, as on a machine. The networks are the
shipped configuration, under any number of names.
"""
import json
import pathlib
import shutil

from .box import Box
from .containerd import CNI_PLUGINS, PAUSE_IMAGE, pause_image
from .process import BUILD, SANITIZER_OPTIONS

CONFLIST = pathlib.Path(__file__).parents[3] / "deploy/cni/10-aws.conflist"
NETWORK = json.loads(CONFLIST.read_text())["name"]
CONTAINERS_CONF = """
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
infra_image = "{image}"
[network]
network_backend = "cni"
network_config_dir = "{cni_conf}"
cni_plugin_dirs = ["{cni_bin}"]
default_network = "{network}"
"""
STORAGE_CONF = """
[storage]
driver = "vfs"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
"""


class Podman:
    """podman(...) is one command, run() a container that sleeps, inspect() and address() what podman says of it."""

    def __init__(self, node, folder, networks=(NETWORK,)):
        self.node, self.folder = node, pathlib.Path(folder)
        self.cni_bin, self.cni_conf = self.folder / "cni-bin", self.folder / "cni-conf"
        for path in (self.cni_bin, self.cni_conf):
            path.mkdir(parents=True)
        for plugin in CNI_PLUGINS.iterdir():
            (self.cni_bin / plugin.name).symlink_to(plugin)
        shutil.copy(BUILD / "bin/vpcwire", self.cni_bin / "vpcwire")
        conflist = json.loads(CONFLIST.read_text())
        conflist["plugins"][0]["socket"] = str(node.socket)
        for network in networks:
            (self.cni_conf / f"{network}.conflist").write_text(json.dumps({**conflist, "name": network}))
        places = {"image": PAUSE_IMAGE, "cni_bin": self.cni_bin, "cni_conf": self.cni_conf, "network": networks[0]}
        (self.folder / "containers.conf").write_text(CONTAINERS_CONF.format(**places))
        (self.folder / "storage.conf").write_text(STORAGE_CONF)
        self.env = [
            f"{name}={value}"
            for name, value in {
                "CONTAINERS_CONF": self.folder / "containers.conf",
                "CONTAINERS_STORAGE_CONF": self.folder / "storage.conf",
                **SANITIZER_OPTIONS,
            }.items()
        ]
        self.box = Box(node, self.folder)
        self._booted()
        pause_image(self.folder / "pause.tar")
        self("load", "--input", self.folder / "pause.tar")

    def _booted(self):
        """Its locks are in shared memory, which is the machine's."""
        self.box.run("mount", "-t", "tmpfs", "tmpfs", "/dev/shm")

    def __call__(self, *arguments, **kwargs):
        return self.box.run("env", *self.env, "podman", *arguments, **kwargs)

    def run(self, name, *options):
        """The new container's id."""
        parent = () if "--pod" in options else ("--cgroup-parent", self.box.cgroup)
        return self("run", "--detach", *parent, "--name", name, *options, PAUSE_IMAGE).stdout.strip()

    def make_pod(self, name, *options):
        self("pod", "create", "--cgroup-parent", self.box.cgroup, "--name", name, *options)

    def inspect(self, name):
        return json.loads(self("container", "inspect", name).stdout)[0]

    def address(self, name, network=NETWORK):
        return self.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"]

    def netns(self, name):
        """A path that works from here, for vpc.netns and vpc.echo."""
        return str(self.box.path(self.inspect(name)["NetworkSettings"]["SandboxKey"]))

    def remove(self, *names):
        self("rm", "--force", "--time", "0", *names)

    def reboot(self):
        """Without warning; containers are started by who starts them after a boot."""
        self.box.reboot()
        self._booted()

    def close(self):
        self.box.close()
