# SPDX-License-Identifier: Apache-2.0
"""The plugin on a node with the real daemon: every verb and version, and the runtimes' habits."""
import pytest

from fake_ipamd import FakeIpamd, RemoteError
from vpc import wait_until
from vpc.pod import new_container_id
from vpc.rpc import RpcError

VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


def address_in(result, version):
    if version < "0.3":
        return result["ip4"]["ip"]
    return result["ips"][0]["address"]


@pytest.mark.parametrize("version", VERSIONS)
def test_whole_life_in_each_version(node, version):
    pod = node.pod_netns("p")
    conf = node.cni_conf(cniVersion=version)
    result = pod.cni("ADD", conf=conf)
    assert result.rc == 0, result
    assert result.json["cniVersion"] == version
    (lease,) = node.leases()
    assert address_in(result.json, version) == lease["address"] + "/32"
    assert lease["state"] == "wired" and lease["pod_name"] == "p" and lease["netns"] == pod.path
    node.check_kernel()
    if version >= "0.4":
        checked = pod.cni("CHECK", conf={**conf, "prevResult": result.json})
        assert (checked.rc, checked.stdout) == (0, ""), checked
    # As containerd does: with the result, then twice without namespace and result, then once more for RemovePodSandbox.
    for prev, path in ((result.json, pod.path), (None, ""), (None, ""), (None, None)):
        done = pod.cni("DEL", conf={**conf, "prevResult": prev}, netns=path)
        assert (done.rc, done.stdout) == (0, ""), done
    assert node.leases() == [] and node.pod_links() == {} and node.pod_routes() == []


def test_add_twice_is_one_lease(node):
    pod = node.add_pod("p")
    again = pod.cni("ADD")
    assert again.rc == 0 and again.json == pod.result.json
    assert len(node.leases()) == 1
    node.check_kernel()


def test_refused_add_leaves_no_lease(node):
    pod = node.pod_netns("p")
    pod.exec("ip", "link", "add", "eth0", "type", "bridge")
    assert pod.cni("ADD").code == 100
    assert node.leases() == [] and node.pod_links() == {}


def test_new_sandbox_before_the_old_ones_del(node):
    """kubelet makes a new sandbox for the pod while the old one is still there."""
    old = node.add_pod("p")
    new = node.pod_netns("p2")
    new.name = "p"
    new.add()
    assert new.address != old.address
    assert old.cni("DEL").rc == 0
    assert new.cni("CHECK", conf=node.cni_conf(prevResult=new.result.json)).rc == 0
    assert [lease["address"] for lease in node.leases()] == [new.address]
    node.check_kernel()


def test_check_after_the_lease_was_given_back(node):
    pod = node.add_pod("p")
    node.call("Del", network="vpcwire", container_id=pod.container_id, ifname="eth0")
    result = pod.cni("CHECK", conf=node.cni_conf(prevResult=pod.result.json))
    assert result.code == 102
    assert pod.cni("DEL").rc == 0


def test_gc(node):
    """Without a list nothing; with one, all others of this network, and of no other."""
    alive, stale, other = node.pod_netns("alive"), node.pod_netns("stale"), node.pod_netns("other")
    conf = node.cni_conf(cniVersion="1.1.0")
    for pod in (alive, stale):
        pod.add(conf=conf)
    other.add(conf=node.cni_conf(cniVersion="1.1.0", name="othernet"))
    valid = [{"containerID": alive.container_id, "ifname": "eth0"}]
    assert node.cni("GC", None, conf=conf).rc == 0
    assert len(node.leases()) == 3
    assert node.cni("GC", None, conf={**conf, "cni.dev/valid-attachments": valid}).rc == 0
    assert sorted(lease["container_id"] for lease in node.leases()) == sorted([alive.container_id, other.container_id])
    node.check_kernel()
    assert node.cni("GC", None, conf={**conf, "cni.dev/attachments": []}).rc == 0
    assert [lease["container_id"] for lease in node.leases()] == [other.container_id]
    node.check_kernel()
    other.delete(conf=node.cni_conf(name="othernet"))


def test_status_follows_the_daemon(node):
    assert node.cni_status().rc == 0
    node.stop()
    assert node.cni_status().code == 50
    node.start()
    assert node.cni_status().rc == 0


@pytest.mark.node(env={"VPCWIRE_ORPHAN_GRACE_PERIOD": "2"})
def test_daemon_down(node):
    """ADD says which socket; DEL takes the link, and the daemon frees the lease when it is back."""
    pod, other = node.add_pod("p"), node.pod_netns("other")
    node.kill9()
    refused = other.cni("ADD", conf=node.cni_conf(timeoutSeconds=1))
    assert refused.code == 11 and str(node.socket) in refused.json["msg"]
    pod.delete()
    assert node.pod_links() == {} and node.pod_routes() == []
    node.start()
    wait_until(lambda: node.leases() == [], 30, why="the lease without a link on the host is released")


def test_del_of_what_never_was(node):
    for _ in range(3):
        result = node.cni("DEL", new_container_id(), netns="/run/netns/nothing-there")
        assert (result.rc, result.stdout) == (0, "")
    assert node.leases() == []


def test_without_a_pod_name(node):
    """As `ctr run --cni` calls: no CNI_ARGS."""
    pod = node.pod_netns("p")
    pod.add(args=None)
    (lease,) = node.leases()
    assert not lease.get("pod_name")
    node.check_kernel()
    assert pod.cni("DEL", args=None).rc == 0
    assert node.leases() == [] and node.pod_links() == {}


@pytest.mark.node(env={"IP_COOLDOWN_PERIOD": "600"})
def test_a_requested_address(node):
    """As podman asks for one. What is free is given; what is not is refused, and why."""
    first = node.add_pod("first")
    free = next(address for address in (f"10.0.1.{i}" for i in range(4, 255)) if node.call("Address", address=address).get("state") == "free")
    asked = node.pod_netns("asked")
    asked.add(args=f"{asked.args};IP={free};MAC=02:00:5e:10:00:01")
    assert asked.address == free and asked.result.json["interfaces"][1]["mac"] == "02:00:5e:10:00:01"
    node.check_kernel()
    other = node.pod_netns("other")
    for address, why in ((first.address, "pod default/first has it"), ("203.0.113.7", "not an address for pods"), (node.call("Status")["node"]["primary_address"], "not an address for pods")):
        refused = other.cni("ADD", args=f"{other.args};IP={address}")
        assert refused.code == 11 and address in refused.json["msg"] and why in refused.json["msg"], refused
    assert len(node.leases()) == 2
    asked.delete()
    refused = other.cni("ADD", args=f"{other.args};IP={free}")
    assert refused.code == 11 and "free again in" in refused.json["msg"], refused
    other.add()
    assert node.metric("vpcwire_requests_total", verb="add", result="refused") == 4


def test_add_while_the_daemon_restarts(node):
    """A rolling update: the ADD that comes in the gap is served by the next one."""
    node.stop()
    add = node.start_thread(node.add_pod, "gap", conf=node.cni_conf(timeoutSeconds=120))
    assert not add.done()
    node.start()
    add.result()
    node.check_kernel()


class Late:
    """Stands between the plugin and the daemon, and keeps an ADD's answer back while `meanwhile(answer)` runs."""

    def __init__(self, node, path, meanwhile):
        self.node, self.meanwhile = node, meanwhile
        self.relay = FakeIpamd(path, Add=self._add, **{name: lambda request, name=name: self._ask(name, request) for name in ("Confirm", "Del", "List")})

    def _ask(self, method, request):
        try:
            return self.node.call(method, **request)
        except RpcError as error:
            return RemoteError(error.name, **error.parameters)

    def _add(self, request):
        answer = self._ask("Add", request)
        self.meanwhile(answer)
        return answer


@pytest.mark.node(env={"IP_COOLDOWN_PERIOD": "0"})
@pytest.mark.parametrize("same_name", [False, True], ids=["another pod", "the pod's next sandbox"])
def test_a_late_add(node, tmp_path, same_name):
    """The plugin is stopped after the daemon's answer; a DEL comes; the address, and perhaps the link's name, have a new owner,
    who keeps both."""
    late, owner = node.pod_netns("late"), node.pod_netns("owner")
    if same_name:
        owner.name = late.name

    def meanwhile(answer):
        node.call("Del", network="vpcwire", container_id=late.container_id, ifname="eth0")
        owner.add(args=f"{owner.args};IP={answer['address']}")

    with Late(node, tmp_path / "relay.sock", meanwhile).relay:
        refused = late.cni("ADD", conf=node.cni_conf(socket=str(tmp_path / "relay.sock")))
    assert refused.code == 101, refused
    assert ("was released meanwhile" if same_name else f"{owner.address} now leads to link") in refused.json["msg"], refused
    assert owner.cni("CHECK", conf=node.cni_conf(prevResult=owner.result.json)).rc == 0
    assert [lease["container_id"] for lease in node.leases()] == [owner.container_id]
    node.check_kernel()
    assert late.cni("DEL").rc == 0
    node.check_kernel()
