# SPDX-License-Identifier: Apache-2.0
"""What kube-proxy watches in Kubernetes' API, and no more of that API: nodes, Services, EndpointSlices and ServiceCIDRs.

An API server of Kubernetes' own takes minutes to start in an emulated machine (vm/); kube-proxy itself is the same with either.
"""
import http.server
import json
import threading
import urllib.parse

from .. import netns
from .model import SERVICE_CIDR

NODES, SERVICES = "/api/v1/nodes", "/api/v1/services"
SLICES, CIDRS = "/apis/discovery.k8s.io/v1/endpointslices", "/apis/networking.k8s.io/v1/servicecidrs"
KINDS = {
    NODES: ("v1", "Node"),
    SERVICES: ("v1", "Service"),
    SLICES: ("discovery.k8s.io/v1", "EndpointSlice"),
    CIDRS: ("networking.k8s.io/v1", "ServiceCIDR"),
}
INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}  # of a bookmark: what was there has been told


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """A kube-proxy that is killed breaks its connections off."""


class ObjectServer:
    """Listens on the loopback address of a network namespace, for one kube-proxy. publish() says what there is."""

    def __init__(self, namespace):
        self.version, self.objects, self.closed = 0, {path: {} for path in KINDS}, False  # path -> name -> (version, object)
        self.told = dict.fromkeys(KINDS, 0)  # the version that somebody who watches knows
        self.changed = threading.Condition()
        self._server = netns.call_in(namespace, Server, ("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def publish(self, objects):
        """{path: objects}: these, and no others. What is as it was is no change."""
        with self.changed:
            self.version += 1
            for path, items in objects.items():
                before = self.objects[path]
                after = {item["metadata"]["name"]: (self.version, item) for item in items}
                self.objects[path] = {name: before[name] if name in before and before[name][1] == new[1] else new for name, new in after.items()}
            self.changed.notify_all()

    def has_told(self):
        """Everything that was published."""
        return all(version == self.version for version in self.told.values())

    def close(self):
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ---- the server ----

    def _watch(self, path):
        """Events: all that there is, a bookmark that this was all, and then what changes."""
        at, seen = None, {}
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.closed or self.version != at)
                if self.closed:
                    return
                first, at, now = at is None, self.version, self.objects[path]
            yield from self._changes(path, seen, now, at)
            if first:
                yield self._event(path, "BOOKMARK", at, {"metadata": {"annotations": INITIAL_EVENTS_END}})
            seen, self.told[path] = now, at

    def _changes(self, path, before, after, version):
        for name, (_, item) in before.items():
            if name not in after:
                yield self._event(path, "DELETED", version, item)
        for name, (changed_at, item) in after.items():
            if name not in before:
                yield self._event(path, "ADDED", changed_at, item)
            elif before[name][0] != changed_at:
                yield self._event(path, "MODIFIED", changed_at, item)

    @staticmethod
    def _event(path, kind_of_event, version, item):
        api, kind = KINDS[path]
        metadata = {**item["metadata"], "resourceVersion": str(version)}
        return json.dumps({"type": kind_of_event, "object": {**item, "apiVersion": api, "kind": kind, "metadata": metadata}})

    def _handler(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = urllib.parse.urlparse(self.path)
                asked = urllib.parse.parse_qs(url.query)
                if url.path not in KINDS or not (asked.get("watch") == asked.get("sendInitialEvents") == ["true"]):
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                for event in api._watch(url.path):
                    self.wfile.write(event.encode() + b"\n")

            def log_message(self, *_):
                pass

        return Handler


# ---- objects ----


def node(name, address):
    return {"metadata": {"name": name}, "status": {"addresses": [{"type": "InternalIP", "address": address}]}}


def service_cidr():
    return {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": [SERVICE_CIDR]}}


def service(made):
    """A model.Service as Kubernetes has it once a controller of load balancers has done its part."""
    namespace, name, _ = names(made)
    kind = "LoadBalancer" if made.load_balancer_ip else "NodePort" if made.node_port else "ClusterIP"
    spec = {
        "type": kind,
        "clusterIP": made.cluster_ip,
        "clusterIPs": [made.cluster_ip],
        "ipFamilies": ["IPv4"],
        "internalTrafficPolicy": "Cluster",
        "sessionAffinity": "None",
        "ports": [_service_port(made, protocol) for protocol in made.protocols],
    }
    if made.external:
        spec["externalTrafficPolicy"] = "Local" if made.local else "Cluster"
    ingress = [{"ip": made.load_balancer_ip, "ipMode": "VIP"}] if made.load_balancer_ip else []
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec, "status": {"loadBalancer": {"ingress": ingress}}}


def _service_port(made, protocol):
    node_port = {"nodePort": made.node_port} if made.node_port else {}
    return {**_port(made, protocol, made.port), "targetPort": made.target_port, **node_port}


def slice_of(made, node_of):
    """The EndpointSlice of a model.Service. node_of(address) is the name of the node that an endpoint is on."""
    namespace, name, _ = names(made)
    labels = {"kubernetes.io/service-name": name}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "nodeName": node_of(address), "conditions": {"ready": True}} for address in made.endpoints],
        "ports": [_port(made, protocol, made.target_port) for protocol in made.protocols],
    }


def _port(made, protocol, number):
    _, _, name = names(made)
    return {"name": f"{name}-{protocol}", "protocol": protocol.upper(), "port": number}


def names(made):
    """(namespace, name, port) of "namespace/name:port"."""
    path, _, port = made.name.partition(":")
    return (*path.split("/"), port)
