# SPDX-License-Identifier: Apache-2.0
"""Our nftables tables are changed in place: while one is exchanged, packets find half of the old one and half of the new one,
and the first packet of a pod's connection decides its way to its end."""
import json

from faults import ENV, GIVES_BACK_SOON, wait_settled, warm_node
from vpc import echo, wait_until

ROUNDS_AFTER = 20  # the last ENI comes when all pods are there


def handles(node):
    """What the kernel calls each table, chain, set and map of ours: another handle is another object."""
    found = {}
    for item in json.loads(node.exec("nft", "-j", "list", "ruleset").stdout)["nftables"]:
        ((kind, it),) = item.items()
        if kind in ("table", "chain", "set", "map") and "vpcwire" in (it["name"], it.get("table")):
            found[it["family"], kind, it["name"]] = it["handle"]
    return found


def pod_chains(node):
    return {name for family, kind, name in handles(node) if (family, kind) == ("ip", "chain") and name.startswith(("pod_", "eni_"))}


def test_tables_stay_while_the_pool_grows_and_shrinks(vpc, make_node):
    node = warm_node(make_node, **GIVES_BACK_SOON)
    first = node.add_pods(["a", "b"])
    wait_settled(vpc, node, 1)
    before = handles(node)
    assert {("ip", "map", "eni_of"), ("ip", "set", "pods"), ("arp", "set", "pods"), ("inet", "table", "vpcwire")} <= set(before)
    others = node.add_pods(f"p{i}" for i in range(5))
    wait_settled(vpc, node, 3)
    grown = handles(node)
    assert before.items() <= grown.items(), "the same objects, and more"
    assert pod_chains(node) == {"pod_0", "pod_1", "pod_2", "eni_1", "eni_2"}
    with echo.serving(*(pod.netns for pod in first)):
        for pod in others:
            echo.assert_source(pod.netns, [other.address for other in first], pod.address)
    for pod in others:
        pod.delete()
    wait_settled(vpc, node, 1)
    wait_until(lambda: handles(node) == before, 60, why="nothing of the ENIs is left, and the rest was never away")


def test_tables_stay_over_a_restart(vpc, make_node):
    """With what has changed meanwhile: an address more, and a chain of somebody's."""
    node = warm_node(make_node)
    pods = node.add_pods(f"p{i}" for i in range(4))
    wait_settled(vpc, node, 2)
    before = handles(node)
    node.kill9()
    node.exec("nft", "add chain ip vpcwire strange; add rule ip vpcwire strange drop; flush chain ip vpcwire pod_0")
    node.exec("nft", "delete element ip vpcwire pods { " + pods[0].address + " }")
    node.start()
    wait_settled(vpc, node, 2)
    wait_until(lambda: handles(node) == before, 60, why="the same objects, and the foreign one's is gone")
    assert pods[0].address in node.exec("nft", "list", "set", "ip", "vpcwire", "pods").stdout
    node.kill9()
    node.exec("nft", "add table ip vpcwire { flags dormant; }; add set arp vpcwire foreign { type ipv4_addr; }")
    node.start()
    wait_settled(vpc, node, 2)
    wait_until(lambda: set(handles(node)) == set(before), 60, why="what cannot be changed in place is exchanged")
    assert "dormant" not in node.exec("nft", "list", "ruleset").stdout
    with echo.serving(pods[0].netns):
        echo.assert_source(pods[3].netns, [pods[0].address], pods[3].address)


def test_by_hand(vpc, make_node):
    """What somebody has changed is not built upon: it is put in place whole, with what he added gone."""
    node = warm_node(make_node)
    node.add_pods(["a"])
    wait_settled(vpc, node, 1)
    before = handles(node)
    node.exec("nft", "add set ip vpcwire foreign { type ipv4_addr; }; add chain ip vpcwire strange; add rule ip vpcwire strange drop")
    wait_until(lambda: not {("ip", "set", "foreign"), ("ip", "chain", "strange")} & set(handles(node)), 60, why="they are gone")
    assert set(handles(node)) == set(before)


def test_a_set_outgrows_its_size(vpc, make_node):
    """Sixteen addresses and more: the set is another one, and its table with it, once."""
    node = make_node("n1", instance_type="m5.large", env={**ENV, "MINIMUM_IP_TARGET": "8", "WARM_IP_TARGET": "1"})
    node.wait_quiet(60, total=8)
    before = handles(node)
    node.env["MINIMUM_IP_TARGET"] = "17"
    node.restart()
    node.wait_quiet(60, total=17)
    wait_until(lambda: "size 32" in node.exec("nft", "list", "map", "ip", "vpcwire", "eni_of").stdout, 60, why="the set has grown")
    assert set(before) <= set(handles(node))
    node.add_pods(f"p{i}" for i in range(17))
    node.check_kernel()


def test_no_connection_is_misled_while_the_pool_grows(vpc, make_node):
    """Pods of secondary ENIs ask a host of the VPC, each time by a new connection, while addresses and ENIs come."""
    node = make_node("n1", instance_type="t3.medium", env={**ENV, "MINIMUM_IP_TARGET": "2"})
    other = make_node("n2", env=ENV)
    node.add_pods(f"p{i}" for i in range(5))
    fresh = [node.pod_netns(f"f{i}") for i in range(5)]
    futures = [node.start_thread(pod.add) for pod in fresh]
    rounds = 0
    with echo.serving(other.netns):
        while rounds < ROUNDS_AFTER:
            rounds += all(future.done() for future in futures)
            for pod, future in zip(fresh, futures):
                if future.done():
                    future.result()
                    echo.assert_source(pod.netns, [other.address], pod.address)
