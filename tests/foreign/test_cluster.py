# SPDX-License-Identifier: Apache-2.0
"""Pods of a cluster of real parts: a Deployment over both nodes, everybody's name and address, probes, ports of the host."""
import collections
import json

import pytest

from cluster_objects import DNS_ADDRESS, DOMAIN, LIVE_FILE, READY_FILE, WEB_PORT, http_probe, pod, pod_spec, service, web_container
from kubernetes_cluster import WEB, WEB_PODS, address, is_ready, name_of
from vpc import dns, netns, wait_until

pytestmark = pytest.mark.xdist_group("cluster")
HOST_PORT = 8080
OF_THIS_MACHINE = {"firewall", "imds"}  # what doctor finds of the programs around it, and of a world without a hop limit


def test_every_pod_reaches_every_other(cluster, web):
    """By its own address, on ENIs of both nodes, and the other sees which pod it was."""
    pods = cluster.pods(WEB)
    assert collections.Counter(item["spec"]["nodeName"] for item in pods) == {name: WEB_PODS // len(cluster.nodes) for name in cluster.nodes}
    assert {device for _, device in cluster.places(pods)} >= {0, 1}
    targets = [(address(item), WEB_PORT) for item in pods]
    for item in pods:
        assert cluster.ask_all(cluster.netns(item), targets) == [[name_of(other), address(item)] for other in pods]


def test_addresses_are_the_books(cluster, web):
    """Kubernetes' pods, the daemons' leases and EC2's addresses agree; `kubectl vpcwire check` says so."""
    for name in cluster.nodes:
        leases = {lease["pod_name"]: lease["address"] for lease in cluster.books(name)["leases"]}
        ours = {name_of(item): address(item) for item in cluster.pods(WEB) if item["spec"]["nodeName"] == name}
        assert ours.items() <= leases.items()
        assigned = {taken for eni in cluster.simulator.enis(name) for taken in eni["addresses"]}
        assert set(leases.values()) <= assigned
    assert "all agree" in cluster.kubectl("vpcwire", "check")


def test_coredns_answers_through_its_service(cluster, web):
    """By UDP and TCP, to pods on each ENI of both nodes; of a Service with an address, and of one without."""
    cluster.apply(service("named", {"app": WEB}), service("headless", {"app": WEB}, clusterIP="None"))
    expected = cluster.get("service", "named")["spec"]["clusterIP"]
    addresses = {address(item) for item in cluster.pods(WEB)}
    for place, item in cluster.places(cluster.pods(WEB)).items():
        space = cluster.netns(item)
        # CoreDNS is told of a Service by and by.
        wait_until(lambda space=space: netns.call_in(space, dns.lookup_tcp, DNS_ADDRESS, f"named.default.svc.{DOMAIN}"), 30)
        for lookup in (dns.lookup_udp, dns.lookup_tcp):
            assert netns.call_in(space, lookup, DNS_ADDRESS, f"named.default.svc.{DOMAIN}") == expected, place
        found = wait_until(lambda space=space: netns.call_in(space, dns.lookup_tcp, DNS_ADDRESS, f"headless.default.svc.{DOMAIN}"), 30)
        assert found in addresses, place
    asked = name_of(item)
    who, source = wait_until(lambda: cluster.exec(asked, "wget", "-q", "-O", "-", "http://named/cgi-bin/who").split(), 30)
    # The Service may choose who asks, and then it is asked by its node.
    assert who == asked or source == address(item), "by resolv.conf's search list"
    cluster.delete("service", "named", "headless")


def test_probes_on_each_eni(cluster, web):
    """A pod is ready while its readiness probe succeeds, and is not restarted for one that fails."""
    for place, item in cluster.places(cluster.pods(WEB)).items():
        name = name_of(item)
        for command, status in (("rm", "False"), ("touch", "True")):
            cluster.exec(name, command, f"/www/{READY_FILE}")
            cluster.wait(f"condition=Ready={status}", f"pod/{name}")
        assert cluster.get("pod", name)["status"]["containerStatuses"][0]["restartCount"] == 0, place


FAILING = {
    "http": http_probe(f"/{LIVE_FILE}", timeoutSeconds=10, failureThreshold=2),
    "exec": {"exec": {"command": ["cat", f"/www/{LIVE_FILE}"]}, "periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 2},
}


@pytest.mark.parametrize("kind", FAILING)
def test_a_pod_that_no_longer_lives_is_restarted(cluster, kind):
    """In its place: the same sandbox, the same address."""
    name = f"mortal-{kind}"
    cluster.apply(pod(name, pod_spec(web_container(livenessProbe=FAILING[kind]))))
    cluster.wait("condition=Ready", f"pod/{name}")
    before = cluster.get("pod", name)
    cluster.exec(name, "rm", f"/www/{LIVE_FILE}")
    cluster.wait("jsonpath={.status.containerStatuses[0].restartCount}=1", f"pod/{name}")
    cluster.wait("condition=Ready", f"pod/{name}")
    assert address(cluster.get("pod", name)) == address(before)
    cluster.delete("pod", name)


def test_a_port_of_the_host(cluster):
    """On localhost of the node, on the node's address from there and from the other node; gone with the pod."""
    names = list(cluster.nodes)
    for name, other in zip(names, reversed(names), strict=True):
        port = {"containerPort": WEB_PORT, "hostPort": HOST_PORT}
        cluster.apply(pod("ported", pod_spec(web_container(ports=[port]), nodeName=name)))
        cluster.wait("condition=Ready", "pod/ported")
        node, far = (cluster.nodes[one].node for one in (name, other))
        for space, target in ((node.netns, "127.0.0.1"), (node.netns, node.address), (far.netns, node.address)):
            assert cluster.ask(space, target, HOST_PORT)[0] == "ported", (name, target)
        assert cluster.ask(far.netns, node.address, HOST_PORT)[1] == far.address
        cluster.delete("pod", "ported")
        with pytest.raises(OSError):
            cluster.ask(node.netns, "127.0.0.1", HOST_PORT)


def test_doctor_in_the_daemon_s_container(cluster, web):
    """Nothing is wrong on either node."""
    for name in cluster.nodes:
        cluster.wait_enis(name)
        done = cluster.exec(cluster.daemon_pod(name), "ipamctl", "--json", "doctor", namespace="kube-system", check=False)
        bad = [row for row in json.loads(done)["checks"] if row["verdict"] in ("warn", "fail") and row["check"] not in OF_THIS_MACHINE]
        assert bad == [], (name, bad)


def test_all_web_pods_are_ready(cluster, web):
    """After all that, by the probes of three kinds that each has."""
    assert all(is_ready(item) for item in cluster.pods(WEB))
