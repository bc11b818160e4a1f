# SPDX-License-Identifier: Apache-2.0
"""What the cluster of kubernetes_cluster.py runs: objects as an owner would write them, and the images that they name."""
import pathlib

import yaml

from control_plane import BUILT, SYSTEM, TOP
from vpc.containerd import image_archive

WEB_IMAGE, COREDNS_IMAGE = "local.test/web:1", "local.test/coredns:1"
WEB_PORT, WHO, READY_FILE, LIVE_FILE = 80, "/cgi-bin/who", "ready", "live"
BUSYBOX = pathlib.Path("/bin/busybox")  # Debian's busybox-static
APPLETS = ("sh", "cat", "echo", "hostname", "httpd", "nslookup", "rm", "sleep", "touch", "wget")
# Who answers, and who it is asked by.
WHO_SCRIPT = b"#!/bin/sh\necho 'Content-Type: text/plain'\necho\necho $(hostname) $REMOTE_ADDR\n"
DNS_ADDRESS, DNS_PORT, DOMAIN = "172.20.0.10", 53, "cluster.local"
COREFILE = f"""
.:{DNS_PORT} {{
    errors
    health
    ready
    kubernetes {DOMAIN}
    cache 5
}}
"""
ROLES = "rbac.authorization.k8s.io"


def shipped_image():
    """The name that our manifests give the image."""
    (image,) = yaml.safe_load((TOP / "deploy/kubernetes/image/kustomization.yaml").read_text())["images"]
    return f"{image['newName']}:{image['newTag']}"


def web_image(path):
    """busybox' web server; its files READY_FILE and LIVE_FILE are there for probes, and for tests that remove them."""
    files = {"bin/busybox": BUSYBOX.read_bytes(), f"www{WHO}": WHO_SCRIPT, f"www/{READY_FILE}": b"", f"www/{LIVE_FILE}": b""}
    files.update({f"bin/{name}": "busybox" for name in APPLETS})
    image_archive(path, WEB_IMAGE, files, ["/bin/httpd", "-f", "-h", "/www", "-p", f"0.0.0.0:{WEB_PORT}"])
    return path


def coredns_image(path):
    image_archive(path, COREDNS_IMAGE, {"coredns": (BUILT / "coredns").read_bytes()}, ["/coredns", "-conf", "/etc/coredns/Corefile"])
    return path


def named(kind, name, api="v1", namespace="default", **content):
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **content}


def http_probe(path, port=WEB_PORT, **more):
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 1, **more}


def web_container(**more):
    """With a probe of each kind: exec as it starts, TCP while it lives, HTTP for whether it is ready."""
    return {
        "name": "web",
        "image": WEB_IMAGE,
        "startupProbe": {"exec": {"command": ["cat", f"/www/{LIVE_FILE}"]}, "periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 60},
        "livenessProbe": {"tcpSocket": {"port": WEB_PORT}, "periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 6},
        "readinessProbe": http_probe(f"/{READY_FILE}", timeoutSeconds=10),
        **more,
    }


def pod_spec(*containers, **more):
    """busybox as the first process of a pod does not end on SIGTERM: it is not waited for."""
    return {"containers": list(containers), "terminationGracePeriodSeconds": 1, **more}


def pod(name, spec, labels=None):
    made = named("Pod", name, spec=spec)
    made["metadata"]["labels"] = {"app": name, **(labels or {})}
    return made


def deployment(name, replicas, spec, namespace="default"):
    """Its pods are spread evenly over the nodes that take some."""
    labels = {"app": name}
    spread = {
        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule", "nodeTaintsPolicy": "Honor",
        "labelSelector": {"matchLabels": labels},
    }
    template = {"metadata": {"labels": labels}, "spec": {**spec, "topologySpreadConstraints": [spread]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return named("Deployment", name, api="apps/v1", namespace=namespace, spec=spec)


def service(name, selector, port=WEB_PORT, node_port=None, namespace="default", **spec):
    ports = [{"name": "main", "port": port, **({"nodePort": node_port} if node_port else {})}]
    return named("Service", name, namespace=namespace, spec={"selector": selector, "ports": ports, **spec})


def coredns():
    """CoreDNS, two of them, as clusters have it: Service kube-dns with a well-known address."""
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    subject = {"kind": "ServiceAccount", "name": "coredns", "namespace": SYSTEM}
    container = {
        "name": "coredns",
        "image": COREDNS_IMAGE,
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
        "livenessProbe": http_probe("/health", 8080, timeoutSeconds=10, failureThreshold=6),
        "readinessProbe": http_probe("/ready", 8181, timeoutSeconds=10),
    }
    volumes = [{"name": "config", "configMap": {"name": "coredns"}}]
    spec = pod_spec(container, volumes=volumes, serviceAccountName="coredns", dnsPolicy="Default")
    ports = [{"name": protocol.lower(), "port": DNS_PORT, "protocol": protocol} for protocol in ("UDP", "TCP")]
    return [
        named("ServiceAccount", "coredns", namespace=SYSTEM),
        named("ClusterRole", "system:coredns", api=f"{ROLES}/v1", rules=rules),
        named("ClusterRoleBinding", "system:coredns", api=f"{ROLES}/v1", subjects=[subject],
              roleRef={"apiGroup": ROLES, "kind": "ClusterRole", "name": "system:coredns"}),
        named("ConfigMap", "coredns", namespace=SYSTEM, data={"Corefile": COREFILE}),
        deployment("coredns", 2, spec, namespace=SYSTEM),
        named("Service", "kube-dns", namespace=SYSTEM, spec={"selector": {"app": "coredns"}, "clusterIP": DNS_ADDRESS, "ports": ports}),
    ]
