# SPDX-License-Identifier: Apache-2.0
"""
Kubernetes' own API server, some of its controllers, and its scheduler, with Debian's etcd, in a network namespace. They are real.
So are kubelets where there are some (kubernetes_cluster.py); else Kubelets plays them: it says that a pod runs once one is bound to a
node, and lets it go when it is deleted.
"""
import contextlib
import http.client
import json
import os
import pathlib
import ssl
import threading

from vpc import netns
from vpc.process import Daemon, run, wait_until

TOP = pathlib.Path(__file__).parents[2]
BUILT, TOOLS = TOP / "build/kubernetes", TOP / "build/tools"
PROGRAMS = (BUILT / "kube-apiserver", BUILT / "kube-controller-manager", BUILT / "kube-scheduler", TOOLS / "kubectl", TOOLS / "helm")
PORT, ETCD_PORT, ETCD_PEER_PORT = 6443, 2379, 2380  # etcd's on the namespace's own loopback
LOOPBACK = "127.0.0.1"
START_DEADLINE_S = 120
POLL_S = 0.05
SYSTEM = "kube-system"
CONTROLLERS = ("daemonset-controller", "garbage-collector-controller", "serviceaccount-controller")
OWNER = "owner"
OWNERS_GROUP, NODES_GROUP = "system:masters", "system:nodes"


class ControlPlane:
    """
    kubectl() and helm() as its owner; close() ends all. `address`: of the namespace, where the API server listens and is found.
    `users`: name -> group (or "") of those who have a token besides the owner; kubeconfig_of(name) is such a user's.
    """

    def __init__(self, namespace, folder, address=LOOPBACK, controllers=CONTROLLERS, users=None):
        self.namespace, self.folder, self.daemons = namespace, pathlib.Path(folder), []
        self.address, self.controllers, self.users = address, controllers, {OWNER: OWNERS_GROUP, **(users or {})}
        self.folder.mkdir()
        self.kubeconfig = self.folder / "kubeconfig"
        self.env = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder), "PATH": f"{TOOLS}:{os.environ['PATH']}"}
        self.certificates = self.folder / "certificates"
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self):
        key, authority = self.folder / "accounts.key", self.certificates / "apiserver.crt"
        run("openssl", "genrsa", "-out", key, "2048")
        (self.folder / "tokens.csv").write_text("".join(f'{self.token(user)},{user},{user},"{group}"\n' for user, group in self.users.items()))
        self._run("etcd", f"--data-dir={self.folder}/etcd", *self._etcd_addresses())
        self._run(
            BUILT / "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{ETCD_PORT}", f"--secure-port={PORT}", f"--bind-address={self.address}",
            f"--cert-dir={self.certificates}", f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc", f"--token-auth-file={self.folder}/tokens.csv",
            "--authorization-mode=Node,RBAC", "--service-cluster-ip-range=172.20.0.0/16", "--allow-privileged",
            "--kubelet-preferred-address-types=InternalIP",
        )
        wait_until(authority.exists, START_DEADLINE_S, why="the API server's certificate")
        self.kubeconfig_of(OWNER).rename(self.kubeconfig)
        wait_until(lambda: self.kubectl("get", "--raw", "/readyz") == "ok", START_DEADLINE_S, why=f"the API server; logs in {self.folder}")
        alone = (f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--secure-port=0")
        accounts = (f"--service-account-private-key-file={key}", f"--root-ca-file={authority}")
        self._run(BUILT / "kube-controller-manager", *alone, *accounts, f"--controllers={','.join(self.controllers)}")
        self._run(BUILT / "kube-scheduler", *alone)

    @staticmethod
    def _etcd_addresses():
        clients, peers = f"http://127.0.0.1:{ETCD_PORT}", f"http://127.0.0.1:{ETCD_PEER_PORT}"
        return f"--listen-client-urls={clients}", f"--advertise-client-urls={clients}", f"--listen-peer-urls={peers}"

    @staticmethod
    def token(user):
        return f"token-of-{user}"

    def kubeconfig_of(self, user):
        """A file with which that user finds the API server."""
        cluster = {"server": f"https://{self.address}:{PORT}", "certificate-authority": str(self.certificates / "apiserver.crt")}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": self.token(user)}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": user}}],
            "current-context": "c",
        }
        path = self.folder / f"kubeconfig-{user.replace(':', '-')}"
        path.write_text(json.dumps(config))
        return path

    def _run(self, program, *arguments):
        log = self.folder / f"{pathlib.Path(program).name}.log"
        self.daemons.append(Daemon(["ip", "netns", "exec", self.namespace, program, *arguments], log))

    def close(self):
        for daemon in reversed(self.daemons):
            daemon.kill()

    # ---- what an owner does ----

    def run_inside(self, *words, **kwargs):
        return run("ip", "netns", "exec", self.namespace, *words, env=self.env, cwd=TOP, **kwargs).stdout

    def shell(self, line):
        """A line of documentation, in the repository's top folder."""
        return self.run_inside("bash", "-eo", "pipefail", "-c", line)

    def kubectl(self, *arguments, **kwargs):
        return self.run_inside("kubectl", *arguments, **kwargs)

    def helm(self, *arguments):
        return self.run_inside("helm", "--namespace", SYSTEM, *arguments)

    def get(self, *arguments, namespace=SYSTEM):
        return json.loads(self.kubectl("get", "--namespace", namespace, "--output", "json", *arguments))

    def account(self, folder, name):
        """A service account's folder as a pod has it."""
        folder.mkdir()
        (folder / "token").write_text(self.kubectl("create", "token", name, "--namespace", SYSTEM).strip())
        (folder / "ca.crt").write_bytes((self.certificates / "apiserver.crt").read_bytes())
        return folder


class Kubelets:
    """Nodes, and a thread that does for their pods what kubelets do. `worst` is how many nodes had no pod ready at a time, since watch()."""

    def __init__(self, plane, count):
        self.plane, self.names = plane, [f"node-{i}" for i in range(count)]
        self.worst, self.counting, self.error, self.ended = 0, False, None, threading.Event()
        items = [self._node(name) for name in self.names]
        plane.kubectl("apply", "--filename", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        for name in self.names:
            room = json.dumps({"status": {"allocatable": {"cpu": "2", "memory": "8Gi", "pods": "17"}}})
            plane.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "--patch", room)
        self.inside = netns.Threads(plane.namespace, 1)
        self.thread = self.inside.submit(self._serve)

    @staticmethod
    def _node(name):
        labels = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name}
        return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}

    def _call(self, method, path, body=None):
        """(status, object); a server that is too busy, or that fails, is asked again."""
        while True:
            status, said = self._call_once(method, path, body)
            if (status != 429 and status < 500) or self.ended.wait(POLL_S):
                return status, said

    def _call_once(self, method, path, body):
        context = ssl.create_default_context(cafile=self.plane.certificates / "apiserver.crt")
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self.plane.token(OWNER)}", "Content-Type": kind}
        with contextlib.closing(http.client.HTTPSConnection(self.plane.address, PORT, context=context, timeout=300)) as connection:
            connection.request(method, path, body and json.dumps(body), headers)
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())

    def _serve(self):
        while not self.ended.wait(POLL_S):
            status, pods = self._call("GET", f"/api/v1/namespaces/{SYSTEM}/pods")
            assert status == 200, pods
            self._count(pods["items"])
            for pod in pods["items"]:
                self._keep(pod)

    def _count(self, pods):
        ready = {pod["spec"].get("nodeName") for pod in pods if self.is_ready(pod) and "deletionTimestamp" not in pod["metadata"]}
        if self.counting:
            self.worst = max(self.worst, len(set(self.names) - ready))

    @staticmethod
    def is_ready(pod):
        return {"type": "Ready", "status": "True"} in [
            {key: condition[key] for key in ("type", "status")} for condition in pod["status"].get("conditions", [])
        ]

    def _keep(self, pod):
        """404 and 409 are the answer of somebody who was faster."""
        path = f"/api/v1/namespaces/{SYSTEM}/pods/{pod['metadata']['name']}"
        if not pod["spec"].get("nodeName"):
            return
        if "deletionTimestamp" in pod["metadata"]:
            status, said = self._call("DELETE", path, {"gracePeriodSeconds": 0})
            assert status in (200, 404, 409), said
        elif not self.is_ready(pod):
            runs = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": pod["metadata"]["creationTimestamp"]}]}
            status, said = self._call("PATCH", f"{path}/status", {"status": runs})
            assert status in (200, 404, 409), said

    def watch(self):
        """From here on `worst` is counted."""
        self.worst, self.counting = 0, True

    def check(self):
        """The thread has not failed."""
        if self.thread.done():
            self.thread.result()

    def close(self):
        self.ended.set()
        self.thread.exception(60)
        self.inside.close()
        self.plane.kubectl("delete", "node", "--wait=false", *self.names)
        self.check()
