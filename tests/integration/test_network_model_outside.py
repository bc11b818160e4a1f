# SPDX-License-Identifier: Apache-2.0
"""Outside the VPC: on-premises hosts and the internet, with each of aws-vpc-cni's settings on who sees which address."""
import contextlib
import json
import re
import signal
import socket

import pytest

from vpc import echo, netns, patient, shared, wait_until
from vpc.connections import Program

pytestmark = pytest.mark.xdist_group("network_model_outside")

ONPREM, ONPREM_CIDR, ONPREM_MTU = "192.168.1.10", "192.168.0.0/16", 1500
INTERNET, INTERNET_MTU = "198.51.100.10", 1500
JUMBO = 9001
PING_HEADERS = 28
PORT = 8888
SETTINGS_DEADLINE_S = 30


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    networks = [{"name": "onprem", "cidr": ONPREM_CIDR, "mtu": ONPREM_MTU, "hosts": [ONPREM]}]
    with shared.world(tmp_path_factory.mktemp("outside"), networks=networks) as made:
        made.simulator.ctl("internet-address", address=INTERNET)
        made.node("n1").add_pods(f"a{i}" for i in range(5))
        spaces = [made.namespace("onprem"), made.simulator.internet, *(pod.netns for pod in made.nodes[0].pods)]
        with echo.serving(*spaces):
            yield made


@pytest.fixture
def node(world):
    """With the default settings, at the beginning and at the end."""
    yield world.nodes[0]
    settings(world.nodes[0])


SNAT_PORTS = ["none", "hashrandom", "prng"]  # aws-vpc-cni's numbers
DEFAULTS = {
    "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS": "",
    "AWS_VPC_K8S_CNI_EXTERNALSNAT": "false",
    "AWS_VPC_K8S_CNI_RANDOMIZESNAT": "prng",
    "AWS_EXTERNAL_SERVICE_CIDRS": "",
}


def in_force(node):
    """As the daemon itself says; its log says only so often that settings were read."""
    said = json.loads(node.web("/v1/networkutils-env-settings").text)

    def text(value):
        if isinstance(value, bool):
            return str(value).lower()
        return SNAT_PORTS[value] if isinstance(value, int) else ",".join(value or [])

    return {name: text(said[name]) for name in DEFAULTS}


def settings(node, **values):
    """Gives the node these settings, and no others, while it runs; returns when they are in force."""
    if node.conf.exists() or values:
        node.conf.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    node.proc.process.send_signal(signal.SIGHUP)
    wanted = {name: values.get(name, default).replace(" ", "") for name, default in DEFAULTS.items()}
    wait_until(lambda: in_force(node) == wanted, SETTINGS_DEADLINE_S, why=f"{wanted} in force")
    wait_until(lambda: is_applied(node, wanted), SETTINGS_DEADLINE_S, why=f"{wanted} in the packet filter")


def is_applied(node, wanted):
    """A connection begun a moment too early would stay as it began."""
    rules = nft(node)
    exempt = wanted["AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS"]
    return (
        ("chain snat_outside {" in rules) == (wanted["AWS_VPC_K8S_CNI_EXTERNALSNAT"] == "false")
        and (ONPREM_CIDR in rules) == (ONPREM_CIDR in exempt)
        and ("0.0.0.0/0" in rules) == ("0.0.0.0/0" in exempt)
        and ("random" in rules) == (wanted["AWS_VPC_K8S_CNI_RANDOMIZESNAT"] != "none")
    )


def nft(node):
    """Without what its counters have counted."""
    return node.exec("nft", "--stateless", "list", "table", "ip", "vpcwire").stdout


def eventually(check):
    """A round of the daemon brings it about."""

    def held():
        check()
        return True

    wait_until(held, SETTINGS_DEADLINE_S)


def primary_and_secondary(node):
    """Pods on the primary ENI, and those on others."""
    device = {eni["eni_id"]: eni["device_index"] for eni in node.enis()}
    by_address = {lease["address"]: device[lease["eni_id"]] for lease in node.leases()}
    primary = [pod for pod in node.pods if by_address[pod.address] == 0]
    secondary = [pod for pod in node.pods if by_address[pod.address] > 0]
    assert primary and secondary, by_address
    return primary, secondary


def sees(pods, address, source=None):
    """The host at address sees this source of the pods; by default each one's own."""
    for pod in pods:
        echo.assert_source(pod.netns, [address], source or pod.address)


def ping(pod, address, packet_bytes, check=True, answered=True):
    """One packet. An error is an answer, too: only what nobody answers is waited for in full."""
    wait_s = f"{patient(5):.0f}" if answered else "1"
    command = ["ping", "-n", "-c", "1", "-W", wait_s, "-M", "do", "-s", packet_bytes - PING_HEADERS, address]
    return pod.exec(*command, check=check)


@contextlib.contextmanager
def connections(pods, namespace, address):
    """One TCP connection of each pod to an address in a namespace: [(client, server)]."""
    pairs = []
    with netns.call_in(namespace, socket.create_server, (address, PORT)) as listener:
        for pod in pods:
            client = netns.call_in(pod.netns, socket.create_connection, (address, PORT), patient(10))
            pairs.append((client, listener.accept()[0]))
    try:
        yield pairs
    finally:
        for end in [end for pair in pairs for end in pair]:
            end.close()


def assert_alive(pairs):
    for pair in pairs:
        for sender, receiver in (pair, reversed(pair)):
            receiver.settimeout(patient(10))
            sender.sendall(b"still here")
            assert receiver.recv(10) == b"still here"


def test_on_premises_sees_the_node_by_default_and_reaches_every_pod(world, node):
    sees(node.pods, ONPREM, node.address)
    echo.assert_source(world.namespace("onprem"), [pod.address for pod in node.pods], ONPREM)


def test_on_premises_sees_the_pods_where_it_is_excluded_from_snat(world, node):
    with connections(node.pods, world.namespace("onprem"), ONPREM) as begun_before:
        settings(node, AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS=f"203.0.113.0/24, {ONPREM_CIDR}")
        eventually(lambda: sees(node.pods, ONPREM))
        assert_alive(begun_before)
        sees(node.pods, INTERNET, node.public_address)
        echo.assert_source(world.namespace("onprem"), [pod.address for pod in node.pods], ONPREM)
        with connections(node.pods, world.namespace("onprem"), ONPREM) as begun_meanwhile:
            settings(node)
            eventually(lambda: sees(node.pods, ONPREM, node.address))
            assert_alive(begun_before + begun_meanwhile)


def test_everything_is_excluded_from_snat(world, node):
    """0.0.0.0/0, again and again: in the iptables of others each other restart took it away."""
    for _ in range(2):
        settings(node, AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS="0.0.0.0/0")
        eventually(lambda: sees(node.pods, ONPREM))
        node.restart()
        eventually(lambda: sees(node.pods, ONPREM))


def test_external_snat_leaves_translation_to_others(world, node):
    """On the node's way nothing is translated; what the pods' own addresses do at the border is the VPC's affair."""
    with connections(node.pods, world.simulator.internet, INTERNET) as begun_before:
        settings(node, AWS_VPC_K8S_CNI_EXTERNALSNAT="true")
        eventually(lambda: sees(node.pods, ONPREM))
        assert_alive(begun_before)
        untranslated = world.simulator.ctl("counters")["no_public_packets"]
        for pod in node.pods:
            ping(pod, INTERNET, 100, check=False, answered=False)
        wait_until(lambda: world.simulator.ctl("counters")["no_public_packets"] == untranslated + len(node.pods), why="each is counted")
        with connections(node.pods, world.namespace("onprem"), ONPREM) as begun_meanwhile:
            settings(node, AWS_VPC_K8S_CNI_EXTERNALSNAT="false")
            eventually(lambda: sees(node.pods, INTERNET, node.public_address))
            assert_alive(begun_before + begun_meanwhile)


def test_external_services_are_reached_by_the_main_table(world, node):
    """... by the primary ENI, then: with its address, where the pod's own one is not of that ENI and EC2 would drop it."""
    primary, secondary = primary_and_secondary(node)
    settings(node, AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS=ONPREM_CIDR, AWS_EXTERNAL_SERVICE_CIDRS=ONPREM_CIDR)
    eventually(lambda: sees(primary, ONPREM))
    eventually(lambda: sees(secondary, ONPREM, node.address))
    assert f"1535:	from all to {ONPREM_CIDR} lookup main" in node.exec("ip", "rule").stdout
    with connections(node.pods, world.namespace("onprem"), ONPREM) as begun_before:
        settings(node, AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS=ONPREM_CIDR)
        eventually(lambda: sees(node.pods, ONPREM))
        assert_alive(begun_before)


def test_ways_that_are_narrower_than_the_vpc_are_found_out(world, node):
    settings(node, AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS=ONPREM_CIDR)
    eventually(lambda: sees(node.pods, ONPREM))
    for pods in primary_and_secondary(node):
        for address, mtu in ((ONPREM, ONPREM_MTU), (INTERNET, INTERNET_MTU)):
            ping(pods[0], address, mtu)
            too_large = ping(pods[0], address, mtu + 1, check=False)
            assert too_large.returncode != 0
            assert re.search(rf"mtu ?= ?{mtu}", too_large.stdout + too_large.stderr), (address, too_large)


def test_mtus_the_mark_and_node_ports_at_the_start(world):
    env = {
        "AWS_VPC_ENI_MTU": "1400",
        "POD_MTU": "1300",
        "AWS_VPC_K8S_CNI_CONNMARK": "0x100000",
        "AWS_VPC_CNI_NODE_PORT_SUPPORT": "false",
    }
    node = world.node("n2", env=env)
    pods = node.add_pods(f"b{i}" for i in range(5))
    mtus = {link["ifname"]: link["mtu"] for link in node.ip("link", "show")}
    assert {mtus["eth0"], mtus["eth1"]} == {1400}
    assert {mtus[name] for name in node.pod_links()} == {1300}
    sees(pods, INTERNET, node.public_address)  # first, for TCP asks again where a link that was just made throws a packet away
    for pod in pods:
        ping(pod, world.nodes[0].address, 1300)
        assert ping(pod, world.nodes[0].address, 1301, check=False).returncode != 0
    assert "fwmark 0x100000/0x100000 lookup main" in node.exec("ip", "rule").stdout
    assert "entered_0" not in nft(node)
    assert "entered_0" in nft(world.nodes[0])
    for pod in list(pods):
        pod.delete()
    node.stop()


MALFORMED = {
    "AWS_VPC_K8S_CNI_EXTERNALSNAT": ("maybe", "true or false"),
    "AWS_VPC_CNI_NODE_PORT_SUPPORT": ("on", "true or false"),
    "AWS_VPC_K8S_CNI_CONNMARK": ("0x100", "without the bits 0xff02"),
    "AWS_VPC_ENI_MTU": ("9002", "576..9001"),
    "POD_MTU": ("100", "576..9001"),
}


def test_malformed_settings_stop_the_start(world):
    """... and while it runs they are not taken. Either way variable, value and what is allowed are named."""
    broken = world.node("n3", start=False)
    for variable, (value, allowed) in MALFORMED.items():
        broken.env[variable] = value
        broken.start(wait=False)
        assert broken.proc.process.wait(patient(SETTINGS_DEADLINE_S)) == 2, broken.log.read_text()
        broken.proc = None
        del broken.env[variable]
        last = broken.log.read_text().splitlines()[-1]
        assert variable in last and f"'{value}'" in last and allowed in last, last
    node = world.nodes[0]
    before = nft(node)
    node.conf.write_text("AWS_VPC_K8S_CNI_EXTERNALSNAT=perhaps\n")
    node.proc.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "'perhaps' is not allowed: true or false" in node.log.read_text(), SETTINGS_DEADLINE_S)
    assert nft(node) == before
    node.conf.unlink()


class Crowd:
    """Programs in namespaces that hold connections open."""

    def __init__(self):
        self.programs = []

    def run(self, namespace, *arguments):
        self.programs.append(Program(namespace, *arguments))
        return self.programs[-1]

    def close(self):
        for program in self.programs:
            program.close()


@pytest.fixture
def crowd():
    made = Crowd()
    yield made
    made.close()


def connect_all(crowd, pods, first, count):
    """The same source ports in each pod, so that each has as many rivals as there are other pods: [{own port: seen}]."""
    programs = [crowd.run(pod.netns, "connect", INTERNET, PORT, first, count) for pod in pods]
    replies = [program.reply() for program in programs]
    assert [reply["errors"] for reply in replies] == [[]] * len(pods)
    assert [len(reply["seen"]) for reply in replies] == [count] * len(pods)
    return programs, [{int(port): seen for port, seen in reply["seen"].items()} for reply in replies]


def kept(seen):
    """How many connections have their own port still."""
    return sum(source.endswith(f":{port}") for port, source in seen.items())


def test_20000_connections_to_one_server_without_a_port_clash(world, node, crowd):
    """All open at a time, by one public address: each a port of its own, in each way to choose it. And a change cuts none."""
    for _ in range(4):
        assert crowd.run(world.simulator.internet, "serve", INTERNET, PORT).reply() == {"serving": True}
    pods = node.pods[:4]
    settings(node, AWS_VPC_K8S_CNI_RANDOMIZESNAT="none")
    wait_until(lambda: "random" not in nft(node), SETTINGS_DEADLINE_S)
    alone, seen = connect_all(crowd, pods[:1], 31000, 500)
    assert kept(seen[0]) > 450, "a port stays as it is while nobody else has it"
    rivals, seen = connect_all(crowd, pods[1:2], 31000, 500)
    assert kept(seen[0]) < 50

    settings(node, AWS_VPC_K8S_CNI_RANDOMIZESNAT="hashrandom")
    wait_until(lambda: re.search(r"snat to \S+ random", nft(node)), SETTINGS_DEADLINE_S)
    more, seen = connect_all(crowd, pods[:2], 30000, 500)
    assert max(kept(each) for each in seen) < 50

    settings(node)
    wait_until(lambda: "fully-random" in nft(node), SETTINGS_DEADLINE_S)
    programs, seen = connect_all(crowd, pods, 20000, 5000)
    sources = [source for each in seen for source in each.values()]
    assert {source.split(":")[0] for source in sources} == {node.public_address}
    assert len(set(sources)) == 20000
    assert max(kept(each) for each in seen) < 50, "prng keeps a port by chance only"

    everybody = programs + more + alone + rivals
    for program in everybody:
        program.ask_echo()
    said = [program.reply() for program in everybody]
    assert [reply["errors"] for reply in said] == [[]] * len(everybody)
    assert sum(reply["echoed"] for reply in said) == 20000 + 2 * 500 + 2 * 500
