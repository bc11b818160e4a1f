# SPDX-License-Identifier: Apache-2.0
"""Two pods whose host links would have one name: the name is no identity, and both keep their links and their packets."""
import hashlib
import json

import pytest

from vpc import netns, wait_until
from vpc.links import rename
from vpc.pod import new_container_id

# SHA-1 of "default.p1803518" and of "default.p8024346" begin with the same 44 bits.
CLASH = ("p1803518", "p8024346")
MANY = 9  # a t3.small has room for no more; names and spare names of one pod are fewer


def first_name(key):
    return "eni" + hashlib.sha1(key.encode()).hexdigest()[:11]


def link_of(pod):
    return pod.result.json["interfaces"][0]["name"]


def check(node, pod):
    checked = pod.cni("CHECK", conf=node.cni_conf(prevResult=pod.result.json))
    assert (checked.rc, checked.stdout) == (0, ""), checked


def test_the_pods_do_clash():
    assert len({first_name(f"default.{name}") for name in CLASH}) == 1


def test_one_hash(node):
    """The first has the name that aws-vpc-cni would give it; the second another one. Each DEL takes its own."""
    first, second = (node.add_pod(name) for name in CLASH)
    assert link_of(first) == first_name(f"default.{CLASH[0]}") and link_of(second) != link_of(first)
    assert sorted(lease["host_ifname"] for lease in node.leases()) == sorted([link_of(first), link_of(second)])
    node.check_kernel()
    for pod in (first, second):
        check(node, pod)
    again = second.cni("ADD")
    assert again.rc == 0 and again.json == second.result.json
    first.delete()
    check(node, second)
    third = node.add_pod(CLASH[0])
    assert link_of(third) == link_of(first), "the name is free again"
    check(node, second)
    # The runtime has forgotten the pod's name: the container's id finds the link.
    assert second.cni("DEL", args=None).rc == 0
    check(node, third)
    node.check_kernel()


def test_del_of_the_second_without_a_daemon(node):
    first, second = (node.add_pod(name) for name in CLASH)
    node.stop()
    assert second.cni("DEL").rc == 0
    assert list(node.pod_links()) == [link_of(first)]
    node.start()
    check(node, first)


def lose_database(node, pods):
    """The leases are found again by the links."""
    node.kill9()
    for path in node.db.parent.glob(node.db.name + "*"):
        path.unlink()
    node.start()
    wait_until(lambda: sorted(lease["host_ifname"] for lease in node.leases()) == sorted(map(link_of, pods)), 60, why="known again")


def test_lost_database(node):
    """Leases that are found again are so under the names that these have: CHECK and DEL find theirs."""
    pods = [node.add_pod(name) for name in CLASH]
    lose_database(node, pods)
    for pod in pods:
        check(node, pod)
    for pod in reversed(pods):
        pod.delete()
        assert pod.address not in {lease["address"] for lease in node.leases()}, "at once"


def test_lost_database_and_only_a_del(node):
    pods = [node.add_pod(name) for name in CLASH]
    lose_database(node, pods)
    for pod in reversed(pods):
        pod.delete()
        assert pod.address not in {lease["address"] for lease in node.leases()}, "at once"


def test_dots(node):
    """The interface net1 of the pod web, and eth0 of the pod web.net1, are both hashed as default.web.net1."""
    web = node.pod_netns("web", ifname="net1")
    web.add()
    other = node.add_pod("web.net1")
    assert link_of(web) == first_name("default.web.net1") != link_of(other)
    for pod in (web, other):
        check(node, pod)
    web.delete()
    check(node, other)
    node.check_kernel()


def test_many_of_one_name(node):
    """A name belongs to one lease, also where a caller of the socket asks for one name again and again."""
    key = {"network": "n", "ifname": "eth0", "host_ifname": "eni0123456789a"}
    old = node.call("Add", **key, container_id="c0", pod_name="p0")
    assert old["host_ifname"] == key["host_ifname"]
    given = [node.call("Add", **key, container_id=f"c{i}", pod_name=f"p{i}", host_ifname_may_differ=True) for i in (1, 2)]
    names = [key["host_ifname"], *(reply["host_ifname"] for reply in given)]
    assert len(set(names)) == 3 and all(name.startswith("eni") and len(name) == 14 for name in names)
    assert sorted(lease["host_ifname"] for lease in node.leases()) == sorted(names)
    for i in range(3):
        node.call("Del", network="n", ifname="eth0", container_id=f"c{i}")


def test_older_plugin(node):
    """It would use its own name whatever the daemon answers, and take the other pod's link: it is refused, and told why."""
    first = node.add_pod(CLASH[0])
    request = {"network": "vpcwire", "ifname": "eth0", "pod_namespace": "default", "host_ifname": link_of(first)}
    with pytest.raises(Exception) as refused:
        node.call("Add", **request, container_id=new_container_id(), pod_name=CLASH[1])
    assert "NoAddress" in str(refused.value) and f"default/{CLASH[0]}" in str(refused.value)
    check(node, first)
    assert len(node.leases()) == 1


def test_new_sandbox_takes_the_name_over(node):
    """The newest sandbox of a pod has the pod's name; its older one keeps its lease until its DEL."""
    old = node.add_pod("p")
    new = node.pod_netns("p2")
    new.name = "p"
    new.add()
    assert link_of(new) == link_of(old) == first_name("default.p")
    assert sorted(lease.get("host_ifname") or "" for lease in node.leases()) == ["", link_of(new)]
    assert old.cni("DEL").rc == 0
    check(node, new)
    node.check_kernel()


def test_another_pod_of_the_name(node):
    """A pod that was deleted by force and made anew: the older one still runs, and is another pod."""
    old, new = node.pod_netns("p"), node.pod_netns("p2")
    old.add(args=f"{old.args};K8S_POD_UID=1")
    new.name = "p"
    new.add(args=f"{new.args};K8S_POD_UID=2")
    assert link_of(new) != link_of(old)
    for pod in (old, new):
        check(node, pod)
    node.check_kernel()


def test_a_link_that_was_renamed_to_the_name(node):
    """Somebody gave a running pod's link the name that another pod's would have: that pod is refused, and the first stays."""
    first = node.add_pod("first")
    wanted = first_name("default.second")
    rename(node, link_of(first), wanted)
    refused = node.pod_netns("second").cni("ADD")
    assert refused.code == 101 and "default/first" in refused.json["msg"], refused
    links = json.loads(node.exec("ip", "-j", "link", "show", wanted).stdout)
    assert links[0]["ifalias"] == first.container_id
    assert netns.ip(first.netns, "link", "show", "eth0")
    rename(node, wanted, link_of(first))


def test_a_name_without_a_namespace(node):
    """It is a container's of a runtime without Kubernetes, and may be another one's while the first runs: none loses its link."""
    pods = [node.pod_netns(f"p{i}") for i in range(MANY)]
    for pod in pods:
        pod.add(args="IgnoreUnknown=1;K8S_POD_NAME=web")
    assert len({link_of(pod) for pod in pods}) == MANY
    for pod in pods:
        check(node, pod)
    node.check_kernel()
    assert [row.split()[0] for row in node.screen("pods").splitlines()[1:]] == ["web"] * MANY
    for pod in pods:
        assert pod.cni("DEL", args="IgnoreUnknown=1;K8S_POD_NAME=web").rc == 0
    assert node.leases() == [] and node.pod_links() == {}
