# SPDX-License-Identifier: Apache-2.0
"""The DaemonSet's pod, made from its own YAML as a kubelet makes it: each container's command, variables, mounts, capabilities."""
import pathlib
import re

import yaml

from . import cri
from .containerd import CA_BUNDLE, image_archive
from .deadline import patient
from .process import run, wait_until

TOP = pathlib.Path(__file__).parents[3]
IMAGE = "local.test/vpcwire:test"
OWNER = 65532  # as in the Dockerfile
EXEC_DEADLINE_S = round(patient(30))
# What a kubelet hides and locks in a container that is not privileged (kubernetes, pkg/securitycontext).
MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def manifests(manifest):
    """A DaemonSet's pod and the ConfigMap's data, as kustomize would put them together."""
    folder = TOP / "deploy/kubernetes"
    pod = yaml.safe_load((folder / manifest).read_text())["spec"]["template"]["spec"]
    return pod, yaml.safe_load((folder / "configmap.yaml").read_text())["data"]


def libraries(program):
    """Absolute paths of the shared libraries of a program, the loader among them."""
    return set(re.findall(r"(/\S+)\s+\(0x", run("ldd", program).stdout))


def our_image(path, package, name=IMAGE):
    """The package's files, the libraries that it depends on, certificates; nothing else, no shell."""
    root = pathlib.Path(package) / "files"
    files = {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}
    needed = libraries(root / "usr/sbin/ipamd") | libraries(root / "usr/bin/ipamctl")
    files.update({name.lstrip("/"): pathlib.Path(name).resolve().read_bytes() for name in needed})
    files[CA_BUNDLE.lstrip("/")] = pathlib.Path(CA_BUNDLE).read_bytes()
    image_archive(path, name, files, ["/usr/sbin/ipamd"], OWNER)


class DaemonSetPod:
    """On one node: start() runs the init container and the daemon, stop() ends them; a restart is both, as in a rollout."""

    def __init__(self, runtime, archive, settings=None, manifest="daemonset.yaml"):
        """archive: a docker archive of IMAGE."""
        self.runtime = runtime
        self.spec, self.settings = manifests(manifest)
        self.settings.update(settings or {})
        runtime.ctr("images", "import", archive)
        self.attempt = 0
        self.sandbox = self.container = None

    def mount(self, mount):
        volume = next(volume for volume in self.spec["volumes"] if volume["name"] == mount["name"])["hostPath"]
        if volume["type"] == "DirectoryOrCreate":
            self.runtime.inside("mkdir", "-p", volume["path"])
        if volume["type"] == "FileOrCreate":
            self.runtime.inside("touch", volume["path"])
        return {"container_path": mount["mountPath"], "host_path": volume["path"], "readonly": mount.get("readOnly", False)}

    def config(self, container):
        security = container["securityContext"]
        assert self.spec["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
        source = container.get("envFrom")
        assert source in (None, [{"configMapRef": {"name": "vpcwire"}}])
        variables = dict(self.settings) if source else {}
        variables.update({entry["name"]: entry.get("value", self.runtime.node.name) for entry in container.get("env", [])})
        return {
            "metadata": {"name": container["name"], "attempt": self.attempt},
            "image": {"image": IMAGE},
            "command": container["command"],
            "envs": [{"key": key, "value": value} for key, value in variables.items()],
            "mounts": [self.mount(mount) for mount in container.get("volumeMounts", [])],
            "log_path": f"{container['name']}.{self.attempt}.log",
            "linux": {
                "resources": {"memory_limit_in_bytes": int(container["resources"]["limits"]["memory"].removesuffix("Mi")) << 20},
                "security_context": {
                    "capabilities": {
                        "add_capabilities": security["capabilities"].get("add", []),
                        "drop_capabilities": security["capabilities"]["drop"],
                    },
                    "privileged": security["privileged"],
                    "namespace_options": {"network": cri.NAMESPACE_NODE},
                    "readonly_rootfs": security["readOnlyRootFilesystem"],
                    "no_new_privs": not security["allowPrivilegeEscalation"],
                    "seccomp": {"profile_type": cri.SECCOMP_RUNTIME_DEFAULT},
                    "masked_paths": MASKED,
                    "readonly_paths": READ_ONLY,
                },
            },
        }

    def run_container(self, container):
        client = self.runtime.client
        config = self.config(container)
        created = client.call("CreateContainer", pod_sandbox_id=self.sandbox, config=config, sandbox_config=self.sandbox_config)
        client.call("StartContainer", container_id=created.container_id)
        return created.container_id

    def status(self, container):
        return self.runtime.client.call("ContainerStatus", container_id=container).status

    def log(self, name):
        return (pathlib.Path(self.sandbox_config["log_directory"]) / f"{name}.{self.attempt}.log").read_text()

    def start_sandbox(self):
        self.attempt += 1
        assert self.spec["hostNetwork"] is True
        self.sandbox_config = self.runtime.pod_config("aws-node", host_network=True, attempt=self.attempt)
        pathlib.Path(self.sandbox_config["log_directory"]).mkdir(parents=True, exist_ok=True)
        self.sandbox = self.runtime.client.call("RunPodSandbox", config=self.sandbox_config).pod_sandbox_id

    def run_to_its_end(self, container):
        started = self.run_container(container)
        wait_until(lambda: self.status(started).state == cri.CONTAINER_EXITED, 30, why=container["name"])
        assert self.status(started).exit_code == 0, self.log(container["name"])

    def run_once(self, *command):
        """Another command in the place of the init container's, in a pod of its own; it must succeed."""
        self.start_sandbox()
        self.run_to_its_end({**self.spec["initContainers"][0], "command": list(command)})
        self.runtime.delete_pod(self.sandbox)
        self.sandbox = None

    def start(self, ready=True):
        self.start_sandbox()
        for init in self.spec["initContainers"]:
            self.run_to_its_end(init)
        self.container = self.run_container(self.spec["containers"][0])
        if ready:
            wait_until(lambda: self.probe("readinessProbe") == 0, 60, why="readiness probe")
        return self

    def exec(self, *command):
        return self.runtime.client.call("ExecSync", container_id=self.container, cmd=[str(part) for part in command], timeout=EXEC_DEADLINE_S)

    def probe(self, name):
        """The exit code of a probe's command, run in the container as a kubelet runs it."""
        return self.exec(*self.spec["containers"][0][name]["exec"]["command"]).exit_code

    def stop(self):
        """SIGTERM, and its exit code."""
        self.runtime.client.call("StopContainer", container_id=self.container, timeout=self.spec["terminationGracePeriodSeconds"])
        code = self.status(self.container).exit_code
        self.runtime.delete_pod(self.sandbox)
        self.sandbox = self.container = None
        return code
