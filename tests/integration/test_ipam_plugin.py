# SPDX-License-Identifier: Apache-2.0
"""Our binary as another plugin's IPAM: Debian's bridge, ptp and macvlan get VPC addresses and return them.

What such a pod reaches is what the plugin's wiring can do. Behind a bridge with isGateway and behind ptp the node forwards,
so everything is reached, from addresses of the primary and of secondary ENIs. A macvlan link sends with a MAC of its own,
which a VPC drops: such pods reach each other on the node, and no more is promised. ipvlan this kernel has not.
"""
import json

import pytest

from vpc import echo, happens_within, shared, wait_until
from vpc.cluster import INTERNET_HOST
from vpc.runtime import Attachment, RefusedError

pytestmark = pytest.mark.xdist_group("ipam_plugin")

BRIDGE = {"type": "bridge", "bridge": "br-test", "isGateway": True}
PTP = {"type": "ptp"}
MACVLAN = {"type": "macvlan", "master": "eth0"}
MAIN_PLUGINS = [BRIDGE, PTP, MACVLAN]
RECLAIM_DEADLINE_S = 90
HEAL_DEADLINE_S = 30
UNSUPPORTED, CONFIG = 2, 7
CODE_CHECK = 102


def ipam_of(node, **settings):
    return {"type": "vpcwire", "socket": str(node.socket), **settings}


def attach(node, name, plugin, settings=None, **options):
    """A pod of that main plugin that is not wired yet."""
    return Attachment(node, name, [{**plugin, "ipam": ipam_of(node, **(settings or {}))}], **options)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """n1: bridge and ptp on the primary ENI, ours until that is full, bridge and ptp on a secondary one."""
    with shared.world(tmp_path_factory.mktemp("ipam")) as made:
        made.node("n1", instance_type="t3.medium")
        made.node("n2").add_pods(["far"])
        made.simulator.ctl("internet-address", address=INTERNET_HOST)
        yield made


@pytest.fixture
def life(vpc, make_node):
    """A node of its own for a lease's life; orphans are reclaimed as soon as may be, addresses are used again at once."""
    return make_node("n1", env={"VPCWIRE_ORPHAN_GRACE_PERIOD": "1", "IP_COOLDOWN_PERIOD": "0"})


def lease_of(node, pod):
    """The pod's lease; None when it has none."""
    mine = [lease for lease in node.leases() if lease["container_id"] == pod.container_id]
    assert len(mine) <= 1, mine
    return mine[0] if mine else None


def device_of(node, pod):
    return lease_of(node, pod)["device_index"]


def fill_primary(node, pods):
    """Pods of ours until the newest one is on a secondary ENI."""
    for i in range(20):
        pods.append(node.add_pod(f"fill{i}"))
        if device_of(node, pods[-1]) > 0:
            return
    raise AssertionError("the primary ENI does not become full")


def make_routed_pods(node):
    """Of bridge and ptp, on both kinds of ENI, and pods of ours beside them."""
    ours, routed = [], []
    for where in ("primary", "secondary"):
        for plugin in (BRIDGE, PTP):
            pod = attach(node, f"{plugin['type']}-{where}", plugin)
            pod.add()
            pod.check()
            assert (device_of(node, pod) > 0) == (where == "secondary"), node.leases()
            routed.append(pod)
        if where == "primary":
            fill_primary(node, ours)
    return routed, [ours[0], ours[-1]], ours


def check_bridge(node, pods):
    """The bridge's forwarding table and the host's ARP cache know its pods, each at its own port, and nobody else."""
    table = node.exec("bridge", "fdb", "show", "br", BRIDGE["bridge"], "dynamic").stdout
    cache = {entry["dst"]: entry.get("lladdr") for entry in node.ip("neigh", "show", "dev", BRIDGE["bridge"])}
    for pod in pods:
        host_end, pod_end = pod.result["interfaces"][1:3]
        assert f"{pod_end['mac']} dev {host_end['name']}" in table, table
        assert cache[pod.address] == pod_end["mac"], cache
    # what the pods' namespaces resolved are the bridge and each other: nobody else answers there
    macs = {pod.result["interfaces"][i]["mac"] for pod in pods for i in (0, 2)}
    for pod in pods:
        words = pod.exec("ip", "neigh", "show", "nud", "reachable", "nud", "stale", "nud", "delay", "nud", "probe").stdout.split()
        seen = {words[i + 1] for i, word in enumerate(words) if word == "lladdr"}
        assert seen and seen <= macs, (seen, macs)


def test_routed_pods_reach_everybody_without_nat(world):
    node, other = world.nodes
    routed, near, ours = make_routed_pods(node)
    far = other.pods[0]
    spaces = [pod.netns for pod in (*routed, *near, far)] + [node.netns, other.netns, world.namespace("inet")]
    with echo.serving(*spaces):
        for pod in routed:
            inside = [each.address for each in (*routed, *near, far, node, other) if each is not pod]
            echo.assert_source(pod.netns, inside, pod.address)
            echo.assert_source(pod.netns, [INTERNET_HOST], node.public_address)
        addresses = [pod.address for pod in routed]
        for asker in (*near, far, node, other):
            echo.assert_source(asker.netns, addresses, asker.address)
    check_bridge(node, [pod for pod in routed if pod.plugins[0]["type"] == "bridge"])
    gone = [pod.address for pod in routed]
    for pod in (*routed, *ours):
        pod.delete()
    assert not set(gone) & set(node.pod_routes()), "the bridge's routes went with its pods"
    assert node.leases() == []


def test_a_bridges_routes_come_back(life):
    """Deleted by hand, while there was no daemon, and gone with a bridge that was down: Linux says no word of those."""
    pods = [attach(life, f"bridged{i}", BRIDGE) for i in range(2)]
    for pod in pods:
        pod.add()
    wanted = {pod.address: BRIDGE["bridge"] for pod in pods}

    def ways():
        return {route["dst"]: route["dev"] for route in life.ip("route", "show", "table", "512")}

    assert ways() == wanted
    life.exec("ip", "route", "del", pods[0].address, "table", "512")
    happens_within(lambda: ways() == wanted, HEAL_DEADLINE_S, why="a deleted route")
    life.stop()
    life.exec("ip", "route", "flush", "table", "512")
    life.start()
    happens_within(lambda: ways() == wanted, HEAL_DEADLINE_S, why="all of them, at the start")
    life.exec("ip", "link", "set", BRIDGE["bridge"], "down")
    assert ways() == {}
    life.exec("ip", "link", "set", BRIDGE["bridge"], "up")
    happens_within(lambda: ways() == wanted, HEAL_DEADLINE_S, why="after the bridge was down")
    with echo.serving(*(pod.netns for pod in pods)):
        echo.assert_source(life.netns, [pod.address for pod in pods], life.address)
    for pod in pods:
        pod.delete()
    assert ways() == {}


def test_macvlan_pods_reach_each_other(world):
    node = world.nodes[0]
    pods = [attach(node, f"macvlan{i}", MACVLAN) for i in range(2)]
    for pod in pods:
        result = pod.add()
        router = pod.address.rsplit(".", 1)[0] + ".1"
        assert result["ips"][0]["gateway"] == router, "its links are the VPC's"
    with echo.serving(*(pod.netns for pod in pods)):
        for pod, peer in (pods, pods[::-1]):
            echo.assert_source(pod.netns, [peer.address], pod.address)
    for pod in pods:
        pod.delete()


@pytest.mark.parametrize("plugin", MAIN_PLUGINS, ids=lambda plugin: plugin["type"])
@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0"])
def test_add_check_del(world, plugin, version):
    """An address of the VPC in each version's shape; DEL twice, and with the namespace gone."""
    node = world.nodes[0]
    pod = attach(node, "one", plugin, version=version)
    pod.add()
    lease = lease_of(node, pod)
    assert lease["address"] == pod.address and lease["state"] == "wired" and lease["address_only"]
    assert pod.result["ips"][0]["address"].endswith("/24"), "the subnet's length"
    if version != "0.3.1":
        pod.check()
        node.call("Del", network=pod.network, container_id=pod.container_id, ifname=pod.ifname)
        with pytest.raises(RefusedError) as refused:
            pod.check()
        assert refused.value.error["code"] == CODE_CHECK
    pod.end()
    assert lease_of(node, pod) is None
    pod.delete()
    late = attach(node, "late", plugin, version=version)
    late.add()
    late.remove_netns()
    late.end()
    late.end()
    assert node.leases() == []


def test_main_plugin_that_fails_gives_the_address_back(world):
    """ptp makes its link after it has an address: a name that is taken makes it fail there."""
    node = world.nodes[0]
    pod = attach(node, "taken", PTP)
    pod.exec("ip", "link", "add", "eth0", "type", "bridge")
    with pytest.raises(RefusedError):
        pod.add()
    assert node.leases() == []
    pod.delete()


BAD_SETTINGS = [
    ({"subnet": "10.1.0.0/16"}, UNSUPPORTED, "ipam.subnet"),
    ({"routes": "0.0.0.0/0"}, CONFIG, "ipam.routes"),
    ({"routes": [{"dst": "10.0.0.0/33"}]}, CONFIG, "10.0.0.0/33"),
    ({"routes": [{"dst": "10.0.0.0/8", "gw": "nobody"}]}, CONFIG, "nobody"),
    ({"routes": [{"dst": "10.0.0.0/8", "metric": 3}]}, UNSUPPORTED, "metric"),
    ({"socket": "relative.sock"}, CONFIG, "relative.sock"),
    ({"timeoutSeconds": 0}, CONFIG, "timeoutSeconds"),
]


def strangers(node):
    """Links that are pods' ends on the host."""
    links = [link["ifname"] for link in node.ip("link", "show", "type", "veth")]
    return [name for name in links if not name.startswith("eth")]


@pytest.mark.parametrize("settings, code, words", BAD_SETTINGS, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("plugin", [PTP, MACVLAN], ids=lambda plugin: plugin["type"])
def test_bad_settings_are_refused_and_leave_nothing(world, plugin, settings, code, words):
    node = world.nodes[0]
    pod = attach(node, "bad", plugin, settings)
    with pytest.raises(RefusedError) as refused:
        pod.add()
    assert (refused.value.error["code"], words in refused.value.error["msg"]) == (code, True), refused.value.error
    assert node.leases() == []
    wait_until(lambda: not strangers(node), why="no link is left; those of a removed namespace go when the kernel comes to it")
    pod.plugins[0]["ipam"] = ipam_of(node)
    pod.end()  # Debian's macvlan leaves its link until then
    assert "eth0" not in pod.exec("ip", "-br", "link").stdout
    pod.remove_netns()


def test_routes_of_the_configuration(world):
    """What is named replaces the default route."""
    node = world.nodes[0]
    pod = attach(node, "routes", PTP, {"routes": [{"dst": "10.0.0.0/16"}]})
    pod.add()
    assert pod.result["routes"] == [{"dst": "10.0.0.0/16"}]
    assert "default" not in pod.exec("ip", "route").stdout
    pod.delete()


def test_gc_of_a_delegated_network(world):
    """What is not named as alive goes, of this network only; without a list nothing does."""
    node = world.nodes[0]
    alive, dead = (attach(node, name, PTP) for name in ("alive", "dead"))
    other = attach(node, "other", PTP, network="another")
    for pod in (alive, dead, other):
        pod.add()
    conf = {"cniVersion": "1.1.0", "name": alive.network, **alive.plugins[0]}
    assert node.cni("GC", "", conf=conf).rc == 0
    assert len(node.leases()) == 3
    conf["cni.dev/valid-attachments"] = [{"containerID": alive.container_id, "ifname": "eth0"}]
    assert node.cni("GC", "", conf=conf).rc == 0
    assert {lease["container_id"] for lease in node.leases()} == {alive.container_id, other.container_id}
    for pod in (alive, dead, other):
        pod.delete()


def test_daemon_restarts_and_dies_with_such_leases(life):
    """Orphans are taken meanwhile, and these are none: a pod of ours whose link went is, in the same round."""
    pods = [attach(life, f"{plugin['type']}0", plugin) for plugin in (BRIDGE, PTP)]
    for pod in pods:
        pod.add()
    for again in (life.restart, lambda: (life.kill9(), life.start())):
        again()
        orphan = life.add_pod("orphan")
        life.exec("ip", "link", "delete", lease_of(life, orphan)["host_ifname"])
        wait_until(lambda orphan=orphan: lease_of(life, orphan) is None, RECLAIM_DEADLINE_S)
        orphan.delete()
        for pod in pods:
            pod.check()
        with echo.serving(*(pod.netns for pod in pods)):
            echo.assert_source(life.netns, [pod.address for pod in pods], life.address)
            echo.assert_source(pods[0].netns, [pods[1].address], pods[0].address)
    life.kill9()
    with pytest.raises(RefusedError) as refused:
        pods[0].end()
    assert refused.value.error["code"] == 11, "nothing else would end the lease: the runtime tries again"
    life.start()
    for pod in pods:
        pod.delete()
    assert life.leases() == []


def test_such_pods_are_exported_too(life, tmp_path):
    """For the way back to aws-vpc-cni: it must not give their addresses away, and what has no link here needs no route of ours."""
    pods = [attach(life, plugin["type"], plugin) for plugin in MAIN_PLUGINS]
    for pod in pods:
        pod.add()
    happens_within(lambda: all(lease["state"] == "wired" for lease in life.leases()), HEAL_DEADLINE_S, why="confirmed")
    ours = life.add_pod("ours")
    checkpoint = tmp_path / "ipam.json"
    life.env["AWS_VPC_K8S_CNI_BACKING_STORE"] = str(checkpoint)
    life.restart()
    life.export("--output", checkpoint)
    rows = json.loads(checkpoint.read_text())["allocations"]
    assert {(row["ipv4"], row["containerID"]) for row in rows} == {(pod.address, pod.container_id) for pod in [*pods, ours]}
    ours.delete()
    life.restart()  # nobody has run here but us: the database is as good as they were
    assert {lease["address"] for lease in life.leases()} == {pod.address for pod in pods}
    for pod in pods:
        pod.delete()


def test_reserved_and_never_confirmed_is_reclaimed(life):
    """A plugin killed between its two calls, and the daemon with it: its first resync after a start is at once."""
    life.call("Add", network="n", container_id="c0", ifname="eth0", netns="/run/netns/x", address_only=True)
    (lease,) = life.leases()
    assert lease["state"] == "reserved"
    life.kill9()
    life.start()
    assert life.leases()[0]["state"] == "reserved"
    wait_until(lambda: not life.leases(), RECLAIM_DEADLINE_S, why="reclaimed")
