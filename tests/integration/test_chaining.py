# SPDX-License-Identifier: Apache-2.0
"""Plugins after ours in a list, run as libcni does: Debian's portmap, bandwidth, tuning and sbr, and a service mesh's."""
import json
import socket

import pytest

from vpc import echo, happens_within, netns, shared, wait_until
from vpc.cluster import INTERNET_HOST
from vpc.runtime import Attachment

pytestmark = pytest.mark.xdist_group("chaining")

HOST_PORT = 8088
RATE_BITS, BURST_BITS = 80_000_000, 8_000_000
MAC = "02:00:00:00:00:77"
HEAL_DEADLINE_S = 30
ACCEPTED = 15001  # where the sidecar listens
PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
BANDWIDTH = {"type": "bandwidth", "ingressRate": RATE_BITS, "ingressBurst": BURST_BITS,
             "egressRate": RATE_BITS, "egressBurst": BURST_BITS}
TUNING = {"type": "tuning", "sysctl": {"net.core.somaxconn": "333"}}
MAPPINGS = {"portMappings": [{"hostPort": HOST_PORT, "containerPort": echo.PORT, "protocol": kind} for kind in ("tcp", "udp")]}
SIDECAR = """#!/bin/sh
# Redirects what comes in and goes out by TCP to a listener in the pod, but for the listener's own.
conf=$(cat)
[ "$CNI_COMMAND" = ADD ] || exit 0
echo "$conf" > "$0.saw"
in_pod="nsenter --net=$CNI_NETNS iptables -t nat"
$in_pod -A PREROUTING -p tcp -j REDIRECT --to-ports 15001 >&2 || exit 1
$in_pod -A OUTPUT -p tcp ! -o lo -m owner ! --uid-owner 1337 -j REDIRECT --to-ports 15001 >&2 || exit 1
echo "$conf" | python3 -c 'import json,sys; json.dump(json.load(sys.stdin)["prevResult"], sys.stdout)'
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with shared.world(tmp_path_factory.mktemp("chaining")) as made:
        made.node("n1", env={"IP_COOLDOWN_PERIOD": "0"})  # its addresses are used again and again
        made.node("n2").add_pods(["far"])
        made.simulator.ctl("internet-address", address=INTERNET_HOST)
        yield made


def chain(node, name, *after, **options):
    return Attachment(node, name, [{"type": "vpcwire", "socket": str(node.socket)}, *after], **options)


def on_a_secondary_eni(node, *after, **options):
    """A chained pod whose address is a secondary ENI's, and the pods that fill the primary one."""
    fill = []
    for i in range(10):
        pod = chain(node, f"s{i}", *after, **options)
        pod.add()
        if next(lease for lease in node.leases() if lease["address"] == pod.address)["device_index"] > 0:
            return pod, fill
        pod.delete()
        fill.append(node.add_pod(f"fill{i}"))
    raise AssertionError("the primary ENI does not become full")


@pytest.mark.parametrize("eni", ["primary", "secondary"])
def test_host_port(world, eni):
    """From another node, a pod on it, the internet, and the pod itself: each with the address that portmap lets through. The
    request comes in by the primary ENI, and so the reply leaves by it. DEL leaves no rule."""
    node, other = world.nodes
    fill = []
    if eni == "primary":
        pod = chain(node, "port", PORTMAP, capabilities=MAPPINGS)
        pod.add()
    else:
        pod, fill = on_a_secondary_eni(node, PORTMAP, capabilities=MAPPINGS)
    far = other.pods[0]
    with echo.serving(pod.netns):
        for asking in (other, far):
            echo.assert_source(asking.netns, [node.address], asking.address, HOST_PORT)
        echo.assert_source(world.namespace("inet"), [node.public_address], INTERNET_HOST, HOST_PORT, bind=INTERNET_HOST)
        echo.assert_source(pod.netns, [node.address], node.address, HOST_PORT)
    assert pod.address in node.exec("iptables-save", "-t", "nat").stdout
    pod.delete()
    assert pod.address not in node.exec("iptables-save", "-t", "nat").stdout
    for each in fill:
        each.delete()


def test_host_port_by_the_nodes_loopback(world):
    """portmap sets route_localnet for it on the pod's host link: that stays, whatever the daemon looks at and mends."""
    node = world.nodes[0]
    pod = chain(node, "local", PORTMAP, capabilities=MAPPINGS)
    pod.add()
    plugins = pod.plugins
    key = f"/proc/sys/net/ipv4/conf/{pod.result['interfaces'][0]['name']}/"
    with echo.serving(pod.netns):
        echo.assert_source(node.netns, ["127.0.0.1"], node.address, HOST_PORT)
        node.exec("sh", "-c", f"echo 0 > {key}rp_filter")
        wait_until(lambda: node.exec("cat", f"{key}rp_filter").stdout.strip() == "1", 60, why="what protects is put back")
        assert node.exec("cat", f"{key}route_localnet").stdout.strip() == "1"
        echo.assert_source(node.netns, ["127.0.0.1"], node.address, HOST_PORT)
    pod.plugins = pod.plugins[:1]  # portmap's own CHECK asks for IPv6 chains that it does not make
    pod.check()
    pod.plugins = plugins
    pod.delete()


@pytest.mark.parametrize("version", ["0.3.0", "0.3.1", "0.4.0", "1.0.0"])
def test_bandwidth_and_tuning(world, version):
    node = world.nodes[0]
    pod = chain(node, "shaped", BANDWIDTH, TUNING, version=version)
    pod.add()
    host_end = pod.result["interfaces"][0]["name"]
    assert "tbf" in node.exec("tc", "qdisc", "show", "dev", host_end).stdout
    ifbs = {link["ifname"] for link in node.ip("link", "show", "type", "ifb")}
    assert len(ifbs) == 1, ifbs
    assert pod.exec("cat", "/proc/sys/net/core/somaxconn").stdout.strip() == "333"
    with echo.serving(pod.netns):
        echo.assert_source(node.netns, [pod.address], node.address)
    pod.delete()
    assert node.ip("link", "show", "type", "ifb") == [] and host_end not in node.pod_links()


@pytest.mark.parametrize("when", ["in ADD", "later by hand"])
def test_tuning_gives_the_pod_another_mac(world, when):
    """Linux then forgets the permanent entry for the gateway: the pod asks, and the node answers."""
    node, other = world.nodes
    chained = when == "in ADD"
    pod = chain(node, "mac", *([{"type": "tuning", "mac": MAC}] if chained else []))
    pod.add()
    with echo.serving(pod.netns, node.netns, other.pods[0].netns):
        if not chained:
            echo.assert_source(node.netns, [pod.address], node.address)
            pod.exec("ip", "link", "set", "eth0", "address", MAC)
        assert f"link/ether {MAC}" in pod.exec("ip", "link", "show", "eth0").stdout
        assert "169.254.1.1" not in pod.exec("ip", "neigh").stdout, "the permanent entry is gone"
        pod.check()
        if not chained:  # its question tells the node the new MAC; a silent pod is found when the node asks again
            echo.assert_source(pod.netns, [node.address], pod.address)
        echo.assert_source(node.netns, [pod.address], node.address)
        echo.assert_source(other.pods[0].netns, [pod.address], other.pods[0].address)
        echo.assert_source(pod.netns, [node.address, other.pods[0].address], pod.address)
        host_end = pod.result["interfaces"][0]["mac"]
        assert f"169.254.1.1 dev eth0 lladdr {host_end}" in pod.exec("ip", "neigh").stdout
    pod.delete()


def test_the_nodes_answer_for_the_gateway_comes_back(world):
    """The kernel says no word of it, so it is looked at with everything else."""
    node = world.nodes[0]
    pod = chain(node, "answered")
    pod.add()
    link = pod.result["interfaces"][0]["name"]

    def answers():
        return "169.254.1.1" in node.exec("ip", "neigh", "show", "proxy", "dev", link).stdout

    assert answers()
    node.exec("ip", "neigh", "del", "proxy", "169.254.1.1", "dev", link)
    node.exec("ip", "rule", "del", "priority", "512")
    happens_within(answers, HEAL_DEADLINE_S)
    pod.delete()


def test_sbr(world):
    """A table of the pod's own address, and traffic goes by it."""
    node, other = world.nodes
    pod = chain(node, "sbr", {"type": "sbr"})
    pod.add()
    assert f"from {pod.address}" in pod.exec("ip", "rule").stdout
    assert "default via 169.254.1.1" in pod.exec("ip", "route", "show", "table", "100").stdout
    with echo.serving(other.netns):
        echo.assert_source(pod.netns, [other.address], pod.address, bind=pod.address)
    pod.end()
    assert f"from {pod.address}" not in pod.exec("ip", "rule").stdout
    pod.remove_netns()


def talk(address, port):
    with socket.create_connection((address, port), timeout=echo.TRY_S) as connection:
        return connection.makefile().read()


def test_sidecar_sees_our_result_and_gets_the_traffic(world, tmp_path):
    """Nobody listens where these connections go: only the sidecar can answer, in both directions."""
    node, other = world.nodes
    script = tmp_path / "sidecar"
    script.write_text(SIDECAR)
    script.chmod(0o755)
    pod = chain(node, "mesh", {"type": "sidecar"}, folders=[tmp_path])
    pod.add()
    saw = json.loads((tmp_path / "sidecar.saw").read_text())["prevResult"]
    assert saw["ips"] == pod.result["ips"] and saw["interfaces"][1]["sandbox"] == pod.path
    serve = f"import socket; s=socket.create_server(('', {ACCEPTED})); print('up', flush=True)\nwhile 1: c,a=s.accept(); c.sendall(a[0].encode()); c.close()"
    with netns.threads(pod.netns) as inside:
        sidecar = inside.call(netns.popen, "python3", "-c", serve)
        try:
            assert sidecar.stdout.readline() == "up\n"
            assert netns.call_in(other.pods[0].netns, talk, pod.address, 80) == other.pods[0].address
            assert netns.call_in(node.netns, talk, pod.address, 80) == node.address
            assert inside.call(talk, other.address, 80) == pod.address
            assert inside.call(talk, INTERNET_HOST, 443) == pod.address
        finally:
            sidecar.kill()
            sidecar.communicate()
    pod.delete()
