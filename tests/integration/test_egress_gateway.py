# SPDX-License-Identifier: Apache-2.0
"""An egress gateway as Cilium and others build it beside a CNI: a rule on the pods' node sends chosen pods' traffic to the
outside through a VXLAN to the gateway, which masquerades. The VPC has no next hops of its own choosing, hence the tunnel.
We do nothing for it; the tests show that our rules do not get in its way."""
import pytest

from vpc import echo, netns

INTERNET_HOST = "198.51.100.10"
VPC_CIDR = "10.0.0.0/16"
LINK, TABLE, PRIORITY = "egress0", "4242", "900"  # after the pods' table (512), before our other rules
NEAR, FAR = "169.254.42.1", "169.254.42.2"
MASQUERADE = 'table ip egress { chain post { type nat hook postrouting priority srcnat; iifname "%s" masquerade; }; }'


def make_tunnel(namespace, local, remote, address):
    def ip(*arguments):
        netns.execute(namespace, "ip", *arguments)

    ip("link", "add", LINK, "type", "vxlan", "id", "42", "local", local, "remote", remote, "dstport", "4790")
    ip("address", "add", f"{address}/30", "dev", LINK)
    ip("link", "set", LINK, "up")
    netns.execute(namespace, "sysctl", "-qw", f"net.ipv4.conf.{LINK}.rp_filter=2", "net.ipv4.ip_forward=1")


def send_through(node, pods, gateway_address):
    """The pods' node: what these pods send out of the VPC goes into the tunnel."""
    make_tunnel(node.netns, node.address, gateway_address, NEAR)
    node.exec("ip", "route", "add", "throw", VPC_CIDR, "table", TABLE)
    node.exec("ip", "route", "add", "default", "via", FAR, "dev", LINK, "table", TABLE)
    for pod in pods:
        node.exec("ip", "rule", "add", "priority", PRIORITY, "from", pod.address, "lookup", TABLE)


def be_gateway(namespace, address, node, pods):
    """The gateway: what comes out of the tunnel goes on with its own address, and the replies back into the tunnel."""
    make_tunnel(namespace, address, node.address, FAR)
    netns.execute(namespace, "nft", "-f", "-", input=MASQUERADE % LINK)
    netns.execute(namespace, "ip", "route", "add", "default", "via", NEAR, "dev", LINK, "table", TABLE)
    for pod in pods:
        netns.execute(namespace, "ip", "rule", "add", "priority", PRIORITY, "iif", "eth0", "to", pod.address, "lookup", TABLE)


@pytest.mark.parametrize("gateway", ["node", "pod"])
def test_chosen_pods_leave_with_the_gateways_address(vpc, nodes, gateway):
    """Pods of the primary and of a secondary ENI; the gateway is the other node, or a pod on its secondary ENI."""
    vpc.ctl("internet-address", address=INTERNET_HOST)
    here, there = nodes
    pods = [here.add_pod(f"p{i}") for i in range(4)]
    others = [there.add_pod(f"q{i}") for i in range(4)]
    (first, *rest, last), gateway_pod = pods, others[-1]
    chosen = [first, last]
    assert len({lease["eni_id"] for lease in here.leases() if lease["address"] in (first.address, last.address)}) == 2
    space, address = (there.netns, there.address) if gateway == "node" else (gateway_pod.netns, gateway_pod.address)
    be_gateway(space, address, here, chosen)
    send_through(here, chosen, address)

    with echo.serving(vpc.internet, *(pod.netns for pod in pods + others)):
        for pod in chosen:
            echo.assert_source(pod.netns, [INTERNET_HOST], there.public_address)
        for pod in rest:
            echo.assert_source(pod.netns, [INTERNET_HOST], here.public_address)
        for pod in pods:
            neighbours = [other.address for other in pods + others if other is not pod]
            echo.assert_source(pod.netns, neighbours, pod.address)
        for pod in others:
            echo.assert_source(pod.netns, [INTERNET_HOST], there.public_address)
            echo.assert_source(pod.netns, [other.address for other in chosen], pod.address)


def test_a_tunnel_for_destinations_in_the_vpc(vpc, nodes, make_node):
    """The packet around a pod's packet bears the node's address: it must not leave by the pod's ENI, whose mark it inherits."""
    here, there = nodes
    target = make_node("n3", start=False)
    pods = [here.add_pod(f"p{i}") for i in range(4)]
    chosen = [pods[0], pods[-1]]
    assert len({lease["eni_id"] for lease in here.leases() if lease["address"] in (chosen[0].address, chosen[1].address)}) == 2
    be_gateway(there.netns, there.address, here, chosen)
    send_through(here, chosen, there.address)
    here.exec("ip", "route", "add", target.address, "via", FAR, "dev", LINK, "table", TABLE)
    with echo.serving(target.netns):
        for pod in chosen:
            echo.assert_source(pod.netns, [target.address], there.address)
        for pod in pods[1:-1]:
            echo.assert_source(pod.netns, [target.address], pod.address)
