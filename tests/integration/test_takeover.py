# SPDX-License-Identifier: Apache-2.0
"""From aws-vpc-cni to us while pods run: no byte is lost, every address stays, and nothing of the old remains."""
import concurrent.futures
import contextlib
import hashlib
import json
import os
import secrets
import subprocess

import pytest

from vpc import echo, patient, wait_until
from vpc.asking import Asking
from vpc.aws_cni import USER, VERSIONS, AwsCni
from vpc.host import Host
from vpc.nft_monitor import is_heard, read_steps
from vpc.rpc import RpcError
from vpc.stream import Stream

ENV = {"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "3", "IP_COOLDOWN_PERIOD": "1", "VPCWIRE_ORPHAN_GRACE_PERIOD": "2"}
INTERNET_HOST = "198.51.100.10"
NOTHING = ([], [], [])
KERNEL_CHECKS = ("links", "rp_filter", "pod-links", "rules", "other-rules", "eni-routes", "pod-routes", "nftables", "guards", "firewall")

pytestmark = pytest.mark.world(users=[USER])


@pytest.fixture(params=VERSIONS)
def version(request):
    """aws-vpc-cni's."""
    return request.param


@pytest.fixture
def old(make_node, tmp_path, version):
    """A t3.small with three pods of aws-vpc-cni: one on the primary ENI, two on a second one."""
    node = make_node("n1", env=ENV, start=False)
    old = AwsCni(node, tmp_path, version)
    node.env["AWS_VPC_K8S_CNI_BACKING_STORE"] = str(old.checkpoint)
    old.add_addresses(2)
    old.add_eni(3)
    old.pods = [old.add_pod("web-0", 0), old.add_pod("web-1", 1), old.add_pod("web-2", 1)]
    return old


def test_who_came_between_an_uninstall_and_a_return(make_node, tmp_path, version):
    """All in one boot: what our database said when we went says nothing of aws-vpc-cni's pods."""
    node = make_node("n1", start=False, env={**ENV, "WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "1"})
    host = Host(node, tmp_path)
    node.env["AWS_VPC_K8S_CNI_BACKING_STORE"] = str(tmp_path / "ipam.json")
    host.run("install")
    node.start()
    host.wait_conflist()
    node.wait_quiet(free=1)
    before = node.add_pod("before")
    ours = before.address
    before.delete()
    node.stop()
    host.run("uninstall")
    theirs = AwsCni(node, tmp_path, version)
    theirs.free[0].append(ours)
    pod = theirs.add_pod("web-0", 0)
    theirs.write_checkpoint()
    node.start()
    wait_until(lambda: taken_over(theirs, pod), 30, why="taken over")
    assert node.add_pod("new").address != ours


def test_who_came_between_with_our_database_left(make_node, tmp_path, version):
    """A way back without a word: aws-vpc-cni's DaemonSet in the place of ours, and then ours again, all in one boot."""
    node = make_node("n1", env={**ENV, "WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "2"})
    node.env["AWS_VPC_K8S_CNI_BACKING_STORE"] = str(tmp_path / "ipam.json")
    node.restart()
    stays, before = node.add_pods(["stays", "before"])
    ours = before.address
    before.delete()
    node.stop()
    theirs = AwsCni(node, tmp_path, version)
    theirs.free[0].append(ours)
    pod = theirs.add_pod("web-0", 0)
    theirs.write_checkpoint()
    for again in range(2):  # and the second start finds the same checkpoint
        node.start()
        wait_until(lambda: addresses_of(node.leases()) == sorted([stays.address, ours]), 30, why="taken over")
        if not again:
            node.stop()
    assert node.add_pod("new").address not in (ours, stays.address)
    assert pod.old_address == ours
    stays.delete()
    assert stays.address not in addresses_of(node.leases()), "at once, by the name that the runtime uses"
    node.check_kernel()


def conf(node):
    return node.cni_conf(name="aws-cni")


def addresses_of(leases):
    return sorted(lease["address"] for lease in leases)


def taken_over(old, *pods):
    assert addresses_of(old.node.leases()) == sorted(pod.old_address for pod in pods)
    assert old.left() == NOTHING, old.left()
    old.node.check_kernel()
    return True


def doctor_of_kernel(node):
    env = {**os.environ, "VPCWIRE_SOCKET": str(node.socket), "VPCWIRE_DB": str(node.db)}
    report = json.loads(node.exec(node.build / "bin/ipamctl", "--json", "doctor", check=False, env=env).stdout)
    return {finding["check"]: finding["verdict"] for finding in report["checks"] if finding["check"] in KERNEL_CHECKS}


def expected_sources(node, *pods):
    """Asking's: each pod asks all others and the internet."""
    addresses = {pod: getattr(pod, "old_address", None) or pod.address for pod in pods}
    return {
        pod.netns: {**{address: addresses[pod] for other, address in addresses.items() if other is not pod}, INTERNET_HOST: node.public_address}
        for pod in pods
    }


@contextlib.contextmanager
def talking(vpc, node, pods):
    """Two connections that stay and ever new ones between all of them and with the internet; gives what waits until all go on."""
    first, second, third = pods[:3]
    with contextlib.ExitStack() as stack:
        stack.enter_context(echo.serving(*(pod.netns for pod in pods), node.netns, vpc.internet))
        all_that_moves = [
            stack.enter_context(Stream(first.netns, second.netns, second.old_address, 7001)),
            stack.enter_context(Stream(third.netns, vpc.internet, INTERNET_HOST, 7002)),
            stack.enter_context(Asking(expected_sources(node, *pods))),
        ]

        def go_on():
            before = [each.moved() for each in all_that_moves]
            wait_until(lambda: all(each.moved() > count + 1 for each, count in zip(all_that_moves, before)), 60, why="all go on")

        go_on()
        yield go_on
        go_on()


def test_pods_are_taken_over_while_they_talk(vpc, old):
    node, (first, second, third) = old.node, old.pods
    vpc.ctl("internet-address", address=INTERNET_HOST)
    old.write_checkpoint()
    assert all(old.left()), "rules, routes and packet filter"
    with talking(vpc, node, old.pods):
        node.start()
        wait_until(lambda: taken_over(old, first, second, third), 30, why="taken over")
    for lease in node.leases():
        assert lease["state"] == "wired" and lease["network"] == "aws-cni" and lease["pod_namespace"] == "default"
    assert doctor_of_kernel(node) == dict.fromkeys(KERNEL_CHECKS, "ok")
    with echo.serving(*(pod.netns for pod in old.pods), node.netns):
        for pod in old.pods:
            echo.assert_source(pod.netns, [node.address], pod.old_address)
    fresh = node.add_pods(["new-0", "new-1"])
    assert not {pod.address for pod in fresh} & {pod.old_address for pod in old.pods}
    for pod in old.pods:
        pod.delete(conf=conf(node))  # a pod that aws-cni made
    for pod in fresh:
        pod.delete()
    assert node.leases() == [] and node.pod_links() == {} and node.pod_routes() == []


def test_its_packet_filter_goes_in_one_step(old):
    """Of its lone rules nobody could say whose they are when the chains beside them had gone; and no packet meets a half."""
    node = old.node
    old.write_checkpoint()
    with subprocess.Popen(["ip", "netns", "exec", node.netns, "nft", "monitor"], stdout=subprocess.PIPE, text=True) as monitor:
        try:
            wait_until(lambda: is_heard(node, monitor), 30, why="the monitor listens")
            node.start()
            wait_until(lambda: taken_over(old, *old.pods), 30, why="taken over")
            node.exec("nft", "add table ip the-end")
            steps = read_steps(monitor, "table ip the-end")
        finally:
            monitor.terminate()
    (step,) = [step for step in steps if any(line.startswith(("delete chain ip nat", "delete table ip aws-cni")) for line in step)]
    rules = {table: sum(line.startswith(f"delete rule ip {table} PREROUTING") for line in step) for table in ("nat", "mangle")}
    assert rules == {"nat": 2 if old.version == "1.22" else 0, "mangle": 3}, step


def test_a_mark_of_ones_own(make_node, tmp_path, version):
    """AWS_VPC_K8S_CNI_CONNMARK is the cluster's: what aws-vpc-cni made with it is known by it."""
    node = make_node("n1", env={**ENV, "AWS_VPC_K8S_CNI_CONNMARK": "0x100000"}, start=False)
    theirs = AwsCni(node, tmp_path, version, mark="0x100000")
    node.env["AWS_VPC_K8S_CNI_BACKING_STORE"] = str(theirs.checkpoint)
    theirs.add_addresses(1)
    pod = theirs.add_pod("web-0", 0)
    theirs.write_checkpoint()
    node.start()
    wait_until(lambda: taken_over(theirs, pod), 30, why="taken over")


def test_a_row_without_a_pod_is_skipped(old):
    """Its address may be used again; the row is shown. A later pod of the same name keeps its own address."""
    node = old.node
    gone, reborn = old.free[0][0], old.free[1][0]
    old.row(secrets.token_hex(32), "gone-0", gone)
    old.row(secrets.token_hex(32), "web-0", reborn)  # web-0's link is there, and leads to another address
    old.write_checkpoint()
    node.start()
    wait_until(lambda: taken_over(old, *old.pods), 30, why="taken over")

    def skipped():
        imports = [row for row in node.imports() if row["verdict"] == "skipped"]
        assert sorted(row["address"] for row in imports) == sorted([gone, reborn])
        return imports

    imports = wait_until(skipped, 30)  # one after the other
    assert "the main routing table routes" not in node.proc.text(), "aws-vpc-cni's host routes are no trouble"
    assert all("its pod is gone" in row["reason"] for row in imports)
    wait_until(lambda: node.pool()["total"] - node.pool()["free"] == 3, 30, why="its address is free")


def test_files_of_further_network_cards(old):
    """Their pods are taken over, too. A second address of a pod is left alone as long as it runs: ours have one."""
    node, (first, second, third) = old.node, old.pods
    rows = old.rows
    rows[2]["containerID"], rows[2]["metadata"] = first.container_id, {}  # as of one pod on two cards
    for name, part in (("ipam.json", rows[:1]), ("ipam-nic-1.json", rows[1:2]), ("ipam-nic-3.json", rows[2:])):
        old.rows, old.checkpoint = part, old.checkpoint.with_name(name)
        old.write_checkpoint()
    node.start()
    wait_until(lambda: addresses_of(node.leases()) == sorted([first.old_address, second.old_address]), 30, why="taken over")

    def rows_of(verdict):
        return [row for row in node.imports() if row["verdict"] == verdict]

    def the_one_that_is_reported():
        pending = rows_of("pending")
        return len(pending) == 1 and pending[0].get("reason") and pending[0]

    left = wait_until(the_one_that_is_reported, 30, why="the other one is reported")
    assert left["address"] == third.old_address and "already has another address" in left["reason"]
    fresh = node.add_pods(["new-0", "new-1"])
    assert third.old_address not in {pod.address for pod in fresh}, "it is in use"
    with echo.serving(third.netns):
        echo.assert_source(second.netns, [third.old_address], second.old_address)
    exported = {row["ipv4"] for row in json.loads(node.export().stdout)["allocations"]}
    assert exported == {pod.old_address for pod in old.pods} | {pod.address for pod in fresh}, "on the way back, too"
    third.remove_netns()
    wait_until(lambda: rows_of("skipped") and not rows_of("pending"), 30, why="its pod is gone")
    for pod in (*fresh, first, second):
        pod.delete(conf=conf(node))


def test_nothing_is_offered_before_it_is_known_whose_it_is(vpc, old):
    """EC2 does not answer for a while, and the daemon is killed meanwhile: no ADD gets a running pod's address."""
    node = old.node
    old.write_checkpoint()
    vpc.ctl("set-faults", rules=[{"action": "*", "effect": "error", "code": "Unavailable", "status": 503}])
    node.start(wait=False)
    wait_until(lambda: vpc.ctl("faults")["rules"][0]["hits"] >= 1, 30, why="EC2 refuses")
    node.kill9()
    vpc.ctl("set-faults", rules=[])
    node.start(wait=False)
    wait_until(node.status, 60, why="it answers")
    fresh = node.add_pods(f"new-{i}" for i in range(4))
    assert not {pod.address for pod in fresh} & {pod.old_address for pod in old.pods}
    wait_until(lambda: set(pod.old_address for pod in old.pods) <= set(addresses_of(node.leases())), 30, why="taken over")


def stand_in_for_aws_cni(old):
    """What it does when it starts: its packet filter and its rules for the node and the ENIs; pods' it expects to find."""
    old.start_again()
    for row in json.loads(old.checkpoint.read_text())["allocations"]:
        link = "eni" + hashlib.sha1("{k8sPodNamespace}.{k8sPodName}".format(**row["metadata"]).encode()).hexdigest()[:11]
        (route,) = old.node.ip("route", "show", "table", "main", row["ipv4"])
        assert route["dev"] == link


def test_back_to_aws_vpc_cni(vpc, old):
    """There and back while pods talk, those of ours among them; then nothing of ours is left."""
    node = old.node
    vpc.ctl("internet-address", address=INTERNET_HOST)
    old.write_checkpoint()
    node.env.update(HOST_CNI_BIN_PATH=str(node.folder / "bin"), VPCWIRE_PLUGIN=str(node.build / "bin/vpcwire"))
    node.start()
    wait_until(lambda: taken_over(old, *old.pods), 30, why="taken over")
    ours = node.add_pods(["new-0", "new-1"])
    with talking(vpc, node, [*old.pods, *ours]) as go_on:
        assert json.loads(node.export().stdout)["version"] == "vpc-cni-ipam/1"
        node.export("--output", old.checkpoint)
        assert old.checkpoint.stat().st_mode & 0o777 == 0o600
        busy = node.command_line("uninstall", "--handover", check=False)
        assert busy.returncode == 1 and "stop ipamd first" in busy.stderr
        node.stop()
        stand_in_for_aws_cni(old)
        go_on()  # both stand
        node.command_line("uninstall", "--handover")
        rows = json.loads(old.checkpoint.read_text())["allocations"]
        assert sorted(row["ipv4"] for row in rows) == sorted([pod.old_address for pod in old.pods] + [pod.address for pod in ours])
        assert {row["containerID"] for row in rows} == {pod.container_id for pod in [*old.pods, *ours]}
        assert not [rule for rule in node.ip("rule", "show") if rule.get("protocol") == "118"]
        assert node.pod_routes() == [] and "vpcwire" not in node.exec("nft", "list", "tables").stdout
        go_on()
        node.start()  # and here again: the database went, so all of them are taken over anew
        wait_until(lambda: len(node.leases()) == 5 and old.left() == NOTHING, 30, why="taken over again")


HELD = {"IP_COOLDOWN_PERIOD": "1", "MAX_ENI": "1"}


def rows_in(checkpoint):
    return {row["ipv4"]: row["containerID"] for row in json.loads(checkpoint.read_text())["allocations"]}


def test_an_exported_node_serves_no_new_pod(make_node, tmp_path):
    """aws-vpc-cni would not know of it and give its address away. Over a restart, too; pods that run are served as ever."""
    node, checkpoint = make_node("n1", env=HELD), tmp_path / "ipam.json"
    stays, goes = node.add_pods(["stays", "goes"])
    node.export("--output", checkpoint)
    assert rows_in(checkpoint) == {pod.address: pod.container_id for pod in (stays, goes)}
    late = node.pod_netns("late")

    def is_refused():
        refused = late.cni("ADD")
        assert (refused.code, "exported to another daemon" in refused.json["msg"]) == (11, True), refused
        assert {lease["address"] for lease in node.leases()} == set(rows_in(checkpoint))

    is_refused()
    node.restart()
    is_refused()
    (warning,) = node.status()["warnings"]
    assert warning["subject"] == "new pods" and "--cancel" in warning["reason"]
    assert node.status()["ready"], "a node that is called not ready loses its pods"
    assert stays.cni("ADD").address == stays.address, "the same again"
    assert stays.cni("CHECK", conf=node.cni_conf(prevResult=stays.result.json)).rc == 0
    goes.delete()
    with pytest.raises(AssertionError, match="--cancel or --output .*ipam.json, not both"):
        node.export("--cancel", "--output", checkpoint)
    node.export("--cancel")
    assert node.status()["warnings"] == []
    late.add()
    for pod in (stays, late):
        pod.delete()


def test_an_export_that_fails_says_that_new_pods_wait(make_node, tmp_path):
    """An earlier file may be there, which does not know of them."""
    node = make_node("n1", env=HELD)
    with pytest.raises(AssertionError, match="not exported; new pods wait until it is.*no-such-folder"):
        node.export("--output", tmp_path / "no-such-folder/ipam.json")
    assert "exported to another daemon" in node.pod_netns("late").cni("ADD").json["msg"]
    node.export("--cancel")
    node.add_pod("web").delete()


def test_the_export_waits_for_pods_that_are_being_wired(make_node, tmp_path):
    """One that has its address and is confirmed later is in the file; one that still waits for an address is refused."""
    node, checkpoint = make_node("n1", env=HELD), tmp_path / "ipam.json"
    wiring = {"network": "n", "ifname": "eth0", "address_only": True}
    first = node.call("Add", container_id="c0", **wiring)["address"]
    others = [node.call("Add", container_id=f"c{i}", **wiring)["address"] for i in (1, 2)]
    for number, address in enumerate(others, 1):
        node.call("Confirm", network="n", container_id=f"c{number}", ifname="eth0", address=address)
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        waits = threads.submit(node.call, "Add", container_id="c3", timeout_ms=120000, **wiring)
        wait_until(lambda: node.pool()["waiting"] == 1, 30, why="the node is full")
        export = threads.submit(node.export, "--output", checkpoint)
        with pytest.raises(RpcError, match="exported to another daemon"):
            waits.result(patient(60))
        assert not export.done() and not checkpoint.exists()
        node.call("Confirm", network="n", container_id="c0", ifname="eth0", address=first)
        export.result(patient(60))
    assert rows_in(checkpoint) == {first: "c0", others[0]: "c1", others[1]: "c2"}
    for number in range(3):
        node.call("Del", network="n", container_id=f"c{number}", ifname="eth0")


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"version": "vpc-cni-ipam/2"}, "version is 'vpc-cni-ipam/2', only vpc-cni-ipam/1 is understood"),
        ({"allocations": {}}, "allocations is no list"),
        ({"allocations": [{"containerID": "c", "ipv4": "10.0.1.999"}]}, "allocation 1: container 'c'"),
        ({"allocations": [{"containerID": "c"}]}, "has no ipv4 address"),
        ({"allocations": [{"ipv4": "10.0.1.9"}]}, "10.0.1.9 has no containerID"),
        ({"allocations": [{"containerID": c, "ipv4": "10.0.1.9"} for c in "ab"]}, "10.0.1.9 is in it twice"),
    ],
)
def test_a_checkpoint_that_is_not_understood_stops_the_start(old, changes, says):
    """Going on without it would give running pods' addresses to others."""
    old.write_checkpoint(**changes)
    old.node.start(wait=False)
    wait_until(lambda: not old.node.proc.alive(), 60, why="it ends")
    assert says in old.node.proc.text() and old.node.proc.process.returncode == 1
    old.node.proc = None
