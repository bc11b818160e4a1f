# SPDX-License-Identifier: Apache-2.0
"""Debian's containerd and runc on a simulated node, in mount and pid namespaces of their own: nothing of the host is touched.

A small init holds the namespaces, so that containerd may be killed and started again while its pods run on; when the init is
killed, the kernel kills all that is left in there.
"""
import contextlib
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

import grpc

from . import cri
from .deadline import patient
from .process import BUILD, SANITIZER_OPTIONS, run, wait_until

CNI_PLUGINS = pathlib.Path("/usr/lib/cni")  # Debian's containernetworking-plugins
# Fixed places below /run: shims' sockets and runc's state; what our manifests name.
PRIVATE_RUN = ("/run/containerd", "/run/vpcwire", "/run/aws-node")
CGROUPS = pathlib.Path("/sys/fs/cgroup")
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PAUSE_IMAGE = "local.test/pause:1"
BUSYBOX_NAMES = ("sh", "sleep", "nc", "ping", "ip", "cat", "wget", "httpd")
INIT = "import os, signal\nsignal.signal(signal.SIGCHLD, lambda *_: None)\nwhile True:\n try: os.waitpid(-1, 0)\n except ChildProcessError: signal.pause()"
START_DEADLINE_S = 60
CONFIG = """
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_bin}"
    conf_dir = "{cni_conf}"
"""


def image_archive(path, name, files, command, owner=0):
    """A docker archive of one layer: files is name in the image -> bytes or link target; all belong to one user."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        for inside, content in files.items():
            entry = tarfile.TarInfo(inside)
            entry.mode, entry.uid, entry.gid = 0o755, owner, owner
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": command}, "rootfs": {"type": "layers", "diff_ids": []}}
    config["rootfs"]["diff_ids"] = ["sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()]
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as archive:
        for inside, content in (("config.json", json.dumps(config).encode()), ("layer.tar", layer.getvalue()), ("manifest.json", json.dumps(manifest).encode())):
            entry = tarfile.TarInfo(inside)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def pause_image(path):
    files = {"bin/busybox": pathlib.Path("/bin/busybox").read_bytes()}
    files.update({f"bin/{name}": "busybox" for name in BUSYBOX_NAMES})
    image_archive(path, PAUSE_IMAGE, files, ["/bin/sleep", "1000000"])


class Containerd:
    """start(), kill9(), close(); run_pod() and the like are what a kubelet does."""

    def __init__(self, node, folder, conflist=None):
        """Without a conflist, and without our plugin: somebody in there will install them."""
        self.node, self.folder = node, pathlib.Path(folder)
        self.state = pathlib.Path(f"/run/{node.simulator.prefix}-containerd")  # short: shims make unix sockets below it
        self.socket = self.state / "containerd.sock"
        self.cni_bin, self.cni_conf = self.folder / "cni-bin", self.folder / "cni-conf"
        self.cgroup = f"/{node.simulator.prefix}"
        self.log = self.folder / "containerd.log"
        self.process = None
        for path in (self.folder, self.state, self.cni_bin, self.cni_conf):
            path.mkdir(parents=True, exist_ok=True)
        for plugin in CNI_PLUGINS.iterdir():
            (self.cni_bin / plugin.name).symlink_to(plugin)
        if conflist:
            shutil.copy(BUILD / "bin/vpcwire", self.cni_bin / "vpcwire")
            (self.cni_conf / "10-aws.conflist").write_text(json.dumps(conflist))
        (self.folder / "config.toml").write_text(
            CONFIG.format(
                root=self.folder / "root", state=self.state / "state", socket=self.socket, image=PAUSE_IMAGE,
                cni_bin=self.cni_bin, cni_conf=self.cni_conf,
            )
        )
        self.init = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{node.netns}", "unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
            + ["--propagation", "private", sys.executable, "-c", INIT]
        )
        wait_until(lambda: self.init_pid(), why="the box's init")
        for path in ("/var/lib", "/opt", "/etc"):  # containerd's and libcni's fixed places, as the box sees them
            self.overlay(path)
        self.inside("mkdir", "-p", "/var/lib/cni", "/opt/cni", "/etc/cni", *PRIVATE_RUN)
        for path in PRIVATE_RUN:
            self.inside("mount", "-t", "tmpfs", "tmpfs", path)
        for path, here in (("/opt/cni/bin", self.cni_bin), ("/etc/cni/net.d", self.cni_conf)):
            self.inside("rm", "-rf", path)
            self.inside("ln", "-s", here, path)
        self.client = cri.Client(self.socket)
        self.start()
        pause_image(self.folder / "pause.tar")
        self.ctr("images", "import", self.folder / "pause.tar")

    def init_pid(self):
        """The pid, seen from here, of the init in the box."""
        children = pathlib.Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def overlay(self, path):
        """Writes below path stay in the box."""
        layers = self.state / "overlay" / path.strip("/").replace("/", "-")
        for part in ("upper", "work"):
            (layers / part).mkdir(parents=True)
        options = f"lowerdir={path},upperdir={layers}/upper,workdir={layers}/work"
        self.inside("mount", "-t", "overlay", "-o", options, "overlay", path)

    def enter(self):
        return ["nsenter", "--target", str(self.init_pid()), "--mount", "--pid", "--net"]

    def inside(self, *command, **kwargs):
        """A command in the box."""
        return run(*self.enter(), *command, **kwargs)

    def ctr(self, *arguments):
        """The runtime's own command line; the plugin inherits its environment too."""
        return self.inside("ctr", "--address", self.socket, "--namespace", "k8s.io", *arguments)

    # ---- containerd itself ----

    def start(self):
        """The plugin inherits containerd's environment, as it does on a node."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.enter(), "containerd", "--config", self.folder / "config.toml"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **SANITIZER_OPTIONS},
            )
        wait_until(self.ready, START_DEADLINE_S, why=f"containerd; its log: {self.log}")

    def ready(self):
        try:
            return self.client.call("Status", 5).status.conditions
        except grpc.RpcError as error:
            raise AssertionError(str(error)) from error

    def path(self, inside):
        """From here, a path in the box."""
        return pathlib.Path(f"/proc/{self.init_pid()}/root{inside}")

    def kill9(self):
        """containerd only; its pods' shims run on."""
        self.inside("pkill", "-KILL", "-x", "containerd", check=False)
        self.process.wait(patient(20))

    def network_ready(self):
        return {c.type: c.status for c in self.client.call("Status").status.conditions}["NetworkReady"]

    # ---- what a kubelet does ----

    def pod_config(self, name, host_network=False, ports=(), attempt=0):
        return {
            "metadata": {"name": name, "uid": f"uid-{name}", "namespace": "default", "attempt": attempt},
            "hostname": "" if host_network else name,
            "log_directory": str(self.folder / "logs" / name),
            "port_mappings": list(ports),
            "linux": {
                "cgroup_parent": self.cgroup,
                "security_context": {"namespace_options": {"network": cri.NAMESPACE_NODE if host_network else 0}},
            },
        }

    def run_pod(self, name, deadline_s=patient(120), **changes):
        """The new sandbox's id. As a kubelet does, it waits for the runtime's word that the node has a network."""
        wait_until(self.network_ready, 30, why="the runtime sees the conflist")
        return self.client.call("RunPodSandbox", deadline_s, config=self.pod_config(name, **changes)).pod_sandbox_id

    def address(self, pod):
        return self.client.call("PodSandboxStatus", pod_sandbox_id=pod).status.network.ip

    def netns(self, pod):
        """A path to its network namespace that works from here, for vpc.netns and vpc.echo."""
        info = json.loads(self.client.call("PodSandboxStatus", pod_sandbox_id=pod, verbose=True).info["info"])
        spaces = {space["type"]: space.get("path") for space in info["runtimeSpec"]["linux"]["namespaces"]}
        return str(self.path(spaces["network"]))

    def stop_pod(self, pod):
        self.client.call("StopPodSandbox", pod_sandbox_id=pod)

    def remove_pod(self, pod):
        self.client.call("RemovePodSandbox", pod_sandbox_id=pod)

    def pods(self):
        return [pod.id for pod in self.client.call("ListPodSandbox").items]

    def delete_pod(self, pod):
        """One that is gone is deleted: a runtime that was killed may have removed it and not have answered."""
        try:
            self.stop_pod(pod)
            self.remove_pod(pod)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise

    # ---- the end ----

    def close(self):
        self.client.close()
        pid = self.init_pid()
        if pid:
            os.kill(pid, 9)
        self.init.wait(patient(20))
        if self.process:
            self.process.wait(patient(20))
        shutil.rmtree(self.state, ignore_errors=True)
        with contextlib.suppress(AssertionError):
            wait_until(self.remove_cgroups, 60, why="cgroups removed")

    def remove_cgroups(self):
        for top in CGROUPS.glob(f"*{self.cgroup}"):
            for path in sorted([path for path in top.rglob("*") if path.is_dir()] + [top], reverse=True):
                path.rmdir()
        return not list(CGROUPS.glob(f"*{self.cgroup}"))
