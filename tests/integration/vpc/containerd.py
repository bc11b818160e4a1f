# SPDX-License-Identifier: Apache-2.0
"""containerd and runc on a simulated node, in its box: Debian's containerd 1.6, or one of the versions from 2.0 on with Debian's runc.

containerd may be killed and started again while its pods run on; when the box goes, they go.
"""
import hashlib
import io
import json
import os
import pathlib
import shutil
import tarfile

import grpc

from . import cri
from .box import Box
from .deadline import patient
from .process import BUILD, wait_until

CNI_PLUGINS = pathlib.Path("/usr/lib/cni")  # Debian's containernetworking-plugins
# As on a node, and seen in the box only.
ROOT, STATE, CNI_BIN, CNI_CONF = "/var/lib/containerd", "/run/containerd", "/opt/cni/bin", "/etc/cni/net.d"
SOCKET = f"{STATE}/containerd.sock"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PAUSE_IMAGE = "local.test/pause:1"
BUSYBOX_NAMES = ("sh", "sleep", "nc", "ping", "ip", "cat", "wget", "httpd")
START_DEADLINE_S = 60
CONFIG = f"""
root = "{ROOT}"
state = "{STATE}"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "{SOCKET}"
"""
CRI_OF_1 = f"""version = 2
{CONFIG}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_BIN}"
    conf_dir = "{CNI_CONF}"
"""
CRI_OF_2 = f"""version = 3
{CONFIG}
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "native"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{PAUSE_IMAGE}"
[plugins."io.containerd.cri.v1.runtime"]
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{CNI_BIN}"]
    conf_dir = "{CNI_CONF}"
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
    """start(), kill9(), reboot(), close(); run_pod() and the like are what a kubelet does."""

    def __init__(self, node, folder, conflist=None, programs=None):
        """Without a conflist, and without our plugin: somebody in there will install them. programs: the folder with the programs of a
        containerd from 2.0 on, in the place of Debian's."""
        self.node, self.folder = node, pathlib.Path(folder)
        self.cni_bin, self.cni_conf = self.folder / "cni-bin", self.folder / "cni-conf"
        self.log = self.folder / "containerd.log"
        for path in (self.folder, self.cni_bin, self.cni_conf):
            path.mkdir(parents=True, exist_ok=True)
        for plugin in CNI_PLUGINS.iterdir():
            (self.cni_bin / plugin.name).symlink_to(plugin)
        if conflist:
            shutil.copy(BUILD / "bin/vpcwire", self.cni_bin / "vpcwire")
            (self.cni_conf / "10-aws.conflist").write_text(json.dumps(conflist))
        self.config = self.folder / "config.toml"
        self.config.write_text(CRI_OF_2 if programs else CRI_OF_1)
        self.env = {"PATH": f"{programs}:{os.environ['PATH']}"} if programs else {}
        self.process = self.client = None
        self.box = Box(node, self.folder, {CNI_BIN: self.cni_bin, CNI_CONF: self.cni_conf})
        try:
            self._boot()
            pause_image(self.folder / "pause.tar")
            self.ctr("images", "import", self.folder / "pause.tar")
        except BaseException:
            self.close()
            raise

    @property
    def cgroup(self):
        return self.box.cgroup

    def inside(self, *command, **kwargs):
        """A command in the box."""
        return self.box.run(*command, **kwargs)

    def path(self, inside):
        """From here, a path in the box."""
        return self.box.path(inside)

    def ctr(self, *arguments):
        """The runtime's own command line; the plugin inherits its environment too."""
        return self.inside("ctr", "--address", SOCKET, "--namespace", "k8s.io", *arguments)

    # ---- containerd itself ----

    def _boot(self):
        self.client = cri.Client(self.path(SOCKET))
        self.start()

    def reboot(self):
        """All pods and containerd go at once; containerd starts, and finds on the disk what it had."""
        self.client.close()
        self.box.reboot()
        self.process.wait(patient(20))
        self._boot()

    def start(self):
        """The plugin inherits containerd's environment, as it does on a node."""
        self.process = self.box.popen("containerd", "--config", self.config, log=self.log, env=self.env)
        wait_until(self.ready, START_DEADLINE_S, why=f"containerd; its log: {self.log}")

    def ready(self):
        assert self.process.poll() is None, f"containerd ended: {self.log}"
        try:
            return self.client.call("Status", 5).status.conditions
        except grpc.RpcError as error:
            raise AssertionError(str(error)) from error

    def kill9(self):
        """containerd only; its pods' shims run on."""
        self.box.kill9("containerd")
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
        if self.client:
            self.client.close()
        self.box.close()
        if self.process:
            self.process.wait(patient(20))
