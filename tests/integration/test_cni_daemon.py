# SPDX-License-Identifier: Apache-2.0
"""The plugin against a daemon that misbehaves: whatever it answers, nothing is left behind, and the runtime learns why."""
import contextlib
import hashlib
import json
import os
import subprocess
import threading
import time

import pytest

from cni_host import ADDRESS, GOOD, HOST_LINK, LEASE, PLUGIN, POOL, STATUS, Host, lease_of, listed, listed_address
from fake_ipamd import CLOSE, SILENCE, RemoteError
from vpc import netns, patient, wait_until
from vpc.pod import UNHEARD, environment, heard, new_container_id, run_plugin
from vpc.process import SANITIZER_OPTIONS


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    try:
        yield host
        host.assert_clean()
    finally:
        host.close()


def test_add_check_del(host):
    with host.daemon() as daemon:
        result = host.cni("ADD")
        assert result.rc == 0, result
        assert result.stderr == ""
        assert daemon.methods() == ["Add", "Confirm"] and len(daemon.connections) == 1
        asked = daemon.calls[0][1]
        assert 0 < asked.pop("timeout_ms") < 60_000, "the answer is here before the plugin's minute is over"
        assert asked == {
            "network": "net",
            "container_id": host.container_id,
            "ifname": "eth0",
            "netns": f"/run/netns/{host.pod}",
            "host_ifname": HOST_LINK,
            "pod_namespace": "default",
            "pod_name": "web-0",
            "address_only": False,
            "host_ifname_may_differ": True,
        }
        assert daemon.calls[1][1]["address"] == ADDRESS
        assert host.links() == sorted([HOST_LINK, "lo"]) and host.routes() == [(ADDRESS, HOST_LINK)]
        link = netns.ip(host.name, "link", "show", HOST_LINK)[0]
        inner = netns.ip(host.pod, "link", "show", "eth0")[0]
        assert link["ifalias"] == host.container_id
        assert result.json["interfaces"] == [
            {"name": HOST_LINK, "mac": link["address"], "mtu": 9001},
            {"name": "eth0", "mac": inner["address"], "mtu": 9001, "sandbox": f"/run/netns/{host.pod}"},
        ]
        assert result.json["ips"] == [{"address": f"{ADDRESS}/32", "gateway": "169.254.1.1", "interface": 1}]
        checked = host.cni("CHECK", prevResult=result.json)
        assert (checked.rc, checked.stdout) == (0, ""), checked
        for _ in range(3):
            done = host.cni("DEL", prevResult=result.json)
            assert (done.rc, done.stdout) == (0, ""), done
            host.assert_clean()


def test_requested(host):
    """podman and nerdctl ask for an address and a MAC."""
    mac = "02:00:5e:10:00:01"
    with host.daemon() as daemon:
        for arguments in ({"args": f"IP={ADDRESS};MAC={mac}"}, {"runtimeConfig": {"ips": [f"{ADDRESS}/24"], "mac": mac}}):
            result = host.cni("ADD", **arguments)
            assert result.rc == 0 and result.json["interfaces"][1]["mac"] == mac, result
            assert netns.ip(host.pod, "link", "show", "eth0")[0]["address"] == mac
            assert host.cni("DEL", **arguments).rc == 0
        assert [call[1]["address"] for call in daemon.calls if call[0] == "Add"] == [ADDRESS] * 2
        assert daemon.calls[0][1]["address"] == ADDRESS
        # An older daemon does not know of requests, and gives any.
        other = host.cni("ADD", args="IP=10.0.1.9")
        assert other.rc == 1 and "10.0.1.9" in other.json["msg"] and ADDRESS in other.json["msg"], other
        assert daemon.methods()[-2:] == ["Add", "Del"]
        for bad, code in (({"args": "MAC=01:00:5e:10:00:01"}, 4), ({"args": "IP=x"}, 4), ({"runtimeConfig": {"mac": "x"}}, 7)):
            assert host.cni("ADD", **bad).code == code
            assert host.cni("DEL", **bad).rc == 0


def test_mac_addresses_stay(host):
    """The kernel marks both as set by somebody (3), which keeps udev's MACAddressPolicy away."""
    with host.daemon():
        assert host.cni("ADD").rc == 0
        for name, link in ((host.name, HOST_LINK), (host.pod, "eth0")):
            assert netns.execute(name, "cat", f"/sys/class/net/{link}/addr_assign_type").stdout.strip() == "3"
        host.cni("DEL")


def test_chained_after_another_plugin(host):
    prev = {"cniVersion": "0.4.0", "interfaces": [{"name": "x"}], "ips": [{"version": "4", "address": "192.0.2.1/32", "interface": 0}], "x": {"y": 1}}
    with host.daemon():
        result = host.cni("ADD", cniVersion="0.4.0", prevResult=prev).json
        assert [interface["name"] for interface in result["interfaces"]] == ["x", HOST_LINK, "eth0"]
        assert [ip["interface"] for ip in result["ips"]] == [0, 2] and result["x"] == {"y": 1}
        assert host.cni("CHECK", cniVersion="0.4.0", prevResult=result).rc == 0
        host.cni("DEL")


def test_dns_of_the_configuration_is_in_the_result(host):
    dns = {"nameservers": ["172.20.0.10"], "domain": "cluster.local", "search": ["svc.cluster.local"], "options": ["ndots:5"]}
    with host.daemon():
        assert host.cni("ADD", dns=dns).json["dns"] == dns
        assert host.cni("DEL", dns=dns).rc == 0


def test_conf_beats_the_daemons_mtu(host):
    with host.daemon():
        result = host.cni("ADD", mtu="1280", vethPrefix="vpc")
        assert [interface["mtu"] for interface in result.json["interfaces"]] == [1280, 1280]
        assert host.links()[1].startswith("vpc")
        # The prefix was changed between ADD and DEL, and the runtime has forgotten the pod's name.
        assert host.cni("DEL", args="").rc == 0


BAD_ADDS = {
    "NoAddress": (RemoteError("NoAddress", reason="subnet subnet-x has no free addresses"), 11, "subnet-x"),
    "NotReady": (RemoteError("NotReady", reason="starting"), 11, "starting"),
    "LeaseNotFound": (RemoteError("LeaseNotFound", network="net", container_id="c", ifname="eth0"), 11, "ipamd"),
    "Internal": (RemoteError("Internal", reason="disk full"), 999, "disk full"),
    "unknown error": (RemoteError("org.example.Odd"), 999, "org.example.Odd"),
    "hang up": (CLOSE, 11, "closed"),
    "silence": (SILENCE, 11, "time"),
    "garbage": (b"\xff\0", 999, "ipamd"),
    "no object": (b"[]\0", 999, "ipamd"),
    "no address": ({**LEASE, "address": None}, 999, "address"),
    "bad address": ({**LEASE, "address": "10.0.1"}, 999, "10.0.1"),
    "no ENI": ({key: value for key, value in LEASE.items() if key != "eni_id"}, 999, "eni_id"),
    "more than a pod gets": ({**LEASE, "addresses": [listed_address(ADDRESS), listed_address("fd00::7")]}, 999, "2 addresses"),
}


def answered(answer, call):
    return call() if answer is SILENCE else heard(call)


@pytest.mark.parametrize("name", BAD_ADDS)
def test_add_is_refused(host, name):
    answer, code, text = BAD_ADDS[name]
    with host.daemon(Add=answer) as daemon:
        started = time.monotonic()
        result = answered(answer, lambda: host.cni("ADD", timeoutSeconds=4))
        assert result.code == code and text in result.json["msg"], result
        assert time.monotonic() - started < patient(10)
        assert "Confirm" not in daemon.methods()
        host.assert_clean()


def test_addresses_in_a_list(host):
    """A daemon of today says all twice, and so does the plugin: an older one on either side knows one address only."""
    listed_ones = [listed_address("10.0.1.8", gateway="169.254.1.1", mtu=1400)]
    with host.daemon(Add={**LEASE, "addresses": listed_ones}, Check={**GOOD["Check"], "addresses": listed_ones}) as daemon:
        result = host.cni("ADD")
        assert result.json["ips"][0]["address"] == "10.0.1.8/32" and result.json["interfaces"][1]["mtu"] == 1400, "the list counts"
        (confirm,) = [request for method, request in daemon.calls if method == "Confirm"]
        assert (confirm["address"], confirm["addresses"]) == ("10.0.1.8", ["10.0.1.8"])
        assert host.cni("CHECK", prevResult=result.json).rc == 0
        host.cni("DEL")


@pytest.mark.parametrize("address", ["fd00::1", "::"])
def test_address_that_we_cannot_wire(host, address):
    with host.daemon(Add={**LEASE, "address": address}) as daemon:
        assert host.cni("ADD").code == 999
        assert daemon.methods() == ["Add", "Del"]


BAD_CONFIRMS = {
    "a DEL overtook": RemoteError("LeaseNotFound", network="net", container_id="c", ifname="eth0"),
    "Internal": RemoteError("Internal", reason="disk full"),
    "hang up": CLOSE,
    "silence": SILENCE,
    "garbage": b"{\0",
}


@pytest.mark.parametrize("name", BAD_CONFIRMS)
def test_confirm_fails(host, name):
    """All is undone: the link while the lease still stands, then the lease."""
    links_at_del = []

    def note_links(_):
        links_at_del.append(host.links())
        return {"released": True, "address": ADDRESS}

    with host.daemon(Confirm=BAD_CONFIRMS[name], Del=note_links) as daemon:
        result = host.cni("ADD")
        assert result.code == 11 and ADDRESS in result.json["msg"], result
        tries = ["Confirm", "Confirm"] if name == "hang up" else ["Confirm"]
        assert daemon.methods() == ["Add", *tries, "Del"]
        assert links_at_del == [["lo"]]
        host.assert_clean()


def test_daemon_restarts_while_the_pod_is_wired(host):
    """Or takes the plugin for dead: a pod that has its address and its wires is not thrown away for a connection."""
    with contextlib.ExitStack() as stack:

        def restart(_):
            host.socket.unlink()
            started.append(threading.Timer(0.2, lambda: later.append(stack.enter_context(host.daemon()))))
            started[0].start()
            return CLOSE

        started, later = [], []
        first = stack.enter_context(host.daemon(Confirm=restart))
        result = host.cni("ADD")
        started[0].join()
        assert result.rc == 0, result
        assert first.methods() == ["Add", "Confirm"] and later[0].methods() == ["Confirm"]
        assert first.calls[1] == later[0].calls[0], "the same was asked again"
        assert host.cni("DEL").rc == 0
        assert later[0].methods() == ["Confirm", "Del"]


@pytest.mark.parametrize("before", ["no socket", "nobody listens", "hangs up", "stopping"])
def test_add_waits_for_a_daemon_that_comes_back(host, before):
    """A rolling update: for a few seconds there is no daemon, or one that is on its way out."""
    gone = {"hangs up": CLOSE, "stopping": RemoteError("NotReady", reason="ipamd is stopping")}
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(host.daemon(Add=gone.get(before, CLOSE)))
        if before in ("no socket", "nobody listens"):
            first.__exit__()
        if before == "no socket":
            host.socket.unlink()
        add = threading.Thread(target=lambda: results.append(host.cni("ADD", timeoutSeconds=60)))
        results = []
        add.start()
        if before in gone:
            wait_until(lambda: len(first.calls) >= 2, 60, why="it asks again")
            first.__exit__()
        else:
            assert not add.join(1) and add.is_alive(), "it waits"
        host.socket.unlink(missing_ok=True)
        later = stack.enter_context(host.daemon())
        add.join(patient(60))
        assert results[0].rc == 0, results
        assert later.methods() == ["Add", "Confirm"]
        assert host.cni("DEL").rc == 0


def test_the_last_answer_is_the_reason(host):
    """A try that cannot be answered in the time that is left is not made: it would end in silence, and nobody would know why."""
    asked = []

    def starting(parameters):
        asked.append(parameters["timeout_ms"])
        if len(asked) == 5:  # the plugin's pause has grown to half a second by now: after it 150 ms would be left
            time.sleep(max(0, asked[-1] / 750 - 0.65))  # of its time the plugin keeps a quarter for itself
        return RemoteError("NotReady", reason="starting") if len(asked) <= 5 else SILENCE

    with host.daemon(Add=starting):
        result = host.cni("ADD", timeoutSeconds=3)
        assert result.code == 11 and "starting" in result.json["msg"], (result, asked)
    host.assert_clean()


@pytest.mark.parametrize("ends", ["in silence", "away"])
def test_an_earlier_answer_is_the_reason_where_the_last_try_has_none(host, ends):
    """The daemon said what is wrong, and froze or went away: an ADD whose time is over says so too."""
    last = SILENCE if ends == "in silence" else CLOSE
    with host.daemon(Add=lambda _: RemoteError("NotReady", reason="no credentials") if daemon.methods().count("Add") == 1 else last) as daemon:

        def asked_again():
            """Where the machine is so slow that the ADD's time is over before that, it is another one's turn."""
            daemon.calls.clear()
            result = host.cni("ADD", timeoutSeconds=4)
            return result if daemon.methods().count("Add") >= 2 else None

        result = wait_until(asked_again, why="an ADD that asks twice")
        why = UNHEARD if ends == "in silence" else "closed"
        assert result.code == 11 and why in result.json["msg"] and "before that" in result.json["msg"], result
        assert result.json["msg"].count("no credentials") == 1, result
    host.assert_clean()


def test_a_frozen_daemon_takes_no_longer_than_said(host):
    """timeoutSeconds is all of an ADD, connecting and asking; and STATUS and DEL without a daemon wait for nobody."""
    asked = []

    def never(_):
        asked.append(time.monotonic())
        return SILENCE

    with host.daemon(Add=never):
        started = time.monotonic()
        assert host.cni("ADD", timeoutSeconds=4).code == 11
        took_s, asked_s = time.monotonic() - started, time.monotonic() - asked[0]
        assert 3 < took_s < patient(8.5) and asked_s < 8.5, "and not 5 s more"
    host.socket.unlink()
    started = time.monotonic()
    assert host.cni("STATUS", timeoutSeconds=240).code == 50 and host.cni("DEL", timeoutSeconds=240).rc == 0
    assert time.monotonic() - started < patient(20)


def run_unheard(stdout, conf, variables):
    """The plugin with a standard output that takes nothing."""
    environ = {"PATH": os.environ["PATH"], **SANITIZER_OPTIONS, **variables}
    done = subprocess.run(["sh", "-c", f'exec "$0" {stdout}', str(PLUGIN)], input=json.dumps(conf).encode(), capture_output=True, timeout=patient(60), env=environ)
    assert b"Sanitizer" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize("stdout", [">/dev/full", ">&-"])
def test_a_result_that_nobody_gets(host, stdout):
    """The runtime cannot know of the pod's address: nothing of it stays."""
    conf = {"cniVersion": "1.1.0", "name": "net", "type": "vpcwire", "socket": str(host.socket), "timeoutSeconds": 60}
    with host.daemon() as daemon:
        done = host.inside.call(run_unheard, stdout, conf, environment("ADD", host.container_id, f"/run/netns/{host.pod}", "eth0", "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0"))
        assert done.returncode == 1 and b"cannot write the result" in done.stderr, done
        assert daemon.methods() == ["Add", "Confirm", "Del"]
        host.assert_clean()


def test_del_with_a_conf_that_cannot_be_read(host):
    """The link goes; the lease follows when ipamd sees that."""
    for broken in ("", "{", '{"name":"a b"}'):
        with host.daemon() as daemon:
            assert host.cni("ADD").rc == 0
            variables = environment("DEL", host.container_id, "", "eth0", "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0")
            done = host.inside.call(run_plugin, PLUGIN, broken, variables)
            assert done.rc == 0 and done.stderr, done
            host.assert_clean()
            assert "Del" not in daemon.methods()
        host.socket.unlink()


def test_kernel_refuses(host):
    """Something that is no pod's link has the name: the lease goes back."""
    netns.execute(host.name, "ip", "link", "add", HOST_LINK, "type", "bridge")
    with host.daemon() as daemon:
        result = host.cni("ADD")
        assert result.code == 101 and HOST_LINK in result.json["msg"]
        assert daemon.methods() == ["Add", "Del"]
    assert host.links(host.pod) == ["lo"]
    netns.execute(host.name, "ip", "link", "delete", HOST_LINK)


def test_add_again(host):
    """The link of the first stands: the same answer, and the same link. Broken: it is made anew."""
    with host.daemon():
        first = host.cni("ADD")
        index = netns.ip(host.name, "link", "show", HOST_LINK)[0]["ifindex"]
        second = host.cni("ADD")
        assert second.rc == 0 and second.json == first.json
        assert netns.ip(host.name, "link", "show", HOST_LINK)[0]["ifindex"] == index
        netns.execute(host.pod, "ip", "route", "flush", "default")
        third = host.cni("ADD")
        assert third.rc == 0 and third.json["ips"] == first.json["ips"]
        assert netns.ip(host.name, "link", "show", HOST_LINK)[0]["ifindex"] != index
        assert host.cni("CHECK", prevResult=third.json).rc == 0
        # Somebody else's container in the same namespace finds the name taken.
        assert host.cni("ADD", container_id=new_container_id()).code == 100
        assert host.cni("CHECK", prevResult=third.json).rc == 0
        host.cni("DEL")


def test_add_again_while_the_daemon_says_no(host):
    """What stands is left standing."""
    with host.daemon():
        first = host.cni("ADD")
    host.socket.unlink()
    with host.daemon(Add=RemoteError("NotReady", reason="starting")):
        assert host.cni("ADD", timeoutSeconds=1).code == 11
    host.socket.unlink()
    with host.daemon():
        assert host.cni("CHECK", prevResult=first.json).rc == 0
        host.cni("DEL")


def test_new_sandbox_of_the_same_pod(host):
    """The older link is replaced; the older sandbox's late DEL does not touch the new one."""
    older, newer = host.container_id, new_container_id()
    leases = {"enis": [], "leases": [listed(older, address="10.0.1.9"), listed(newer)]}
    with host.daemon(List=leases):
        assert host.cni("ADD").rc == 0
        netns.execute(host.name, "ip", "route", "flush", "table", "512")  # the older has another address
        old_pod, host.pod = host.pod, f"{host.prefix}-q"
        netns.add(host.pod)
        result = host.cni("ADD", container_id=newer)
        assert result.rc == 0
        assert host.cni("DEL", container_id=older).rc == 0
        assert host.cni("CHECK", container_id=newer, prevResult=result.json).rc == 0
        assert host.cni("DEL", container_id=newer).rc == 0
        host.assert_clean()
        netns.delete(host.pod)
        host.pod = old_pod


REFUSALS = {
    "another pod's": ([listed("a" * 64, pod_name="web-1")], "web-1"),
    "another pod's of the name": ([listed("a" * 64, pod_uid="1")], "web-0"),
    "nobody's, and our lease is gone": ([], "was released meanwhile"),
    "no answer": (None, "closed"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_link_of_another_pod_has_the_name(host, name):
    """With an older daemon, which does not choose names: the link stays, and the ADD is undone."""
    leases, text = REFUSALS[name]
    netns.execute(host.name, "ip", "link", "add", HOST_LINK, "type", "veth", "peer", "name", "other")
    netns.execute(host.name, "ip", "link", "set", HOST_LINK, "alias", "a" * 64)
    ours = [listed(host.container_id)] if leases else []
    answer = CLOSE if leases is None else {"enis": [], "leases": leases + ours}
    with host.daemon(List=answer) as daemon:
        refused = host.cni("ADD", args="IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=2")
        assert refused.code == 101 and text in refused.json["msg"], refused
        assert daemon.methods() == ["Add", "List", "Del"]
    assert HOST_LINK in host.links() and host.links(host.pod) == ["lo"]
    netns.execute(host.name, "ip", "link", "delete", HOST_LINK)


def test_the_daemon_chooses_the_name(host):
    """What the daemon says is what the link is called; without a daemon, and without the pod's name, DEL finds it."""
    spare = "eni" + hashlib.sha1(b"default/web-0/eth0#1").hexdigest()[:11]
    for arguments in ({}, {"args": ""}):
        with host.daemon(Add={**LEASE, "host_ifname": spare}):
            result = host.cni("ADD")
            assert result.json["interfaces"][0]["name"] == spare and host.links() == sorted([spare, "lo"])
            assert host.cni("CHECK", prevResult=result.json).rc == 0
        assert host.cni("DEL", **arguments).rc == 0
        host.assert_clean()
        host.socket.unlink()


@pytest.mark.parametrize("name", ["", "1234567890123456", "a/b"])
def test_a_name_that_no_link_can_have(host, name):
    with host.daemon(Add={**LEASE, "host_ifname": name}) as daemon:
        assert host.cni("ADD").rc == 1
        assert daemon.methods() == ["Add", "Del"]


def test_a_late_add(host):
    """It was stopped after the daemon's answer; a DEL came; the address has another owner, whose route stays."""
    netns.execute(host.name, "ip", "link", "add", "eni0123456789a", "type", "veth", "peer", "name", "other")
    netns.execute(host.name, "ip", "link", "set", "eni0123456789a", "up", "alias", "a" * 64)
    netns.execute(host.name, "ip", "route", "add", ADDRESS, "dev", "eni0123456789a", "table", "512", "proto", "118", "scope", "link")
    with host.daemon() as daemon:
        late = host.cni("ADD")
        assert late.code == 101 and f"the host route to {ADDRESS} now leads to link eni0123456789a of container '{'a' * 64}'" in late.json["msg"], late
        assert daemon.methods() == ["Add", "Del"]
    assert host.routes() == [(ADDRESS, "eni0123456789a")] and host.links(host.pod) == ["lo"]
    netns.execute(host.name, "ip", "link", "delete", "eni0123456789a")


def test_a_late_add_of_a_bridge_or_ptp(host):
    """The same where another plugin wires the pod."""
    netns.execute(host.name, "ip", "link", "add", "eni0123456789a", "type", "veth", "peer", "name", "other")
    netns.execute(host.name, "ip", "link", "set", "eni0123456789a", "up", "alias", "a" * 64)
    netns.execute(host.name, "ip", "route", "add", ADDRESS, "dev", "eni0123456789a", "table", "512", "proto", "118", "scope", "link")
    netns.execute(host.name, "ip", "link", "add", "cni0", "up", "type", "bridge")
    for conf in ({"type": "ptp"}, {"type": "bridge", "isGateway": True}):
        with host.daemon(Add={**LEASE, "subnet": "10.0.1.0/24", "node_address": "10.0.1.4"}) as daemon:
            late = host.cni("ADD", ipam={"type": "vpcwire", "socket": str(host.socket)}, **conf)
            assert late.rc == 1 and "leads to link eni0123456789a" in late.json["msg"], late
            assert daemon.methods() == ["Add", "Del"]
        host.socket.unlink()
    assert host.routes() == [(ADDRESS, "eni0123456789a")]
    for link in ("eni0123456789a", "cni0"):
        netns.execute(host.name, "ip", "link", "delete", link)


def test_two_interfaces_of_a_pod(host):
    """There is one default route: a second attachment is refused and the first stays as it is, whatever is deleted."""
    with host.daemon(Add=lambda request: LEASE if request["ifname"] == "eth0" else {**LEASE, "address": "10.0.1.8"}) as daemon:
        first = host.cni("ADD")
        second = host.cni("ADD", ifname="net1")
        assert second.code == 101 and "169.254.1.1" in second.json["msg"] and "via eth0 already" in second.json["msg"], second
        assert daemon.calls[-1][0] == "Del" and daemon.calls[-1][1]["ifname"] == "net1"
        assert daemon.calls[-2][1]["host_ifname"] not in (HOST_LINK, None)
        for _ in range(2):
            assert host.cni("DEL", ifname="net1").rc == 0
            assert host.cni("CHECK", prevResult=first.json).rc == 0
        host.cni("DEL")


@pytest.mark.parametrize("answer", [RemoteError("Internal", reason="disk full"), RemoteError("NotReady", reason="x"), CLOSE, b"\xff\0"])
def test_del_succeeds_whatever_the_daemon_says(host, answer):
    """The daemon gives the lease back by itself when it sees that the link is gone."""
    with host.daemon(Del=answer):
        assert host.cni("ADD").rc == 0
        result = host.cni("DEL")
        assert (result.rc, result.stdout) == (0, "") and "lease not released" in result.stderr


def test_del_while_the_daemon_is_down(host):
    with host.daemon():
        assert host.cni("ADD").rc == 0
    assert host.cni("DEL").rc == 0


BAD_CHECKS = {
    "no lease": (RemoteError("LeaseNotFound", network="net", container_id="c", ifname="eth0"), 102),
    "another address": ({**GOOD["Check"], "address": "10.0.1.8"}, 102),
    "not wired": ({**GOOD["Check"], "state": "reserved"}, 102),
    "a state of a newer daemon": ({**GOOD["Check"], "state": "moving"}, 102),
    "hang up": (CLOSE, 11),
    "Internal": (RemoteError("Internal", reason="disk full"), 999),
}


@pytest.mark.parametrize("name", BAD_CHECKS)
def test_check_of_the_lease(host, name):
    answer, code = BAD_CHECKS[name]
    with host.daemon(Check=answer):
        result = host.cni("ADD")
        assert host.cni("CHECK", prevResult=result.json).code == code
        host.cni("DEL")


@pytest.mark.parametrize(
    "where, command, text",
    [
        ("pod", "ip link set eth0 down", "eth0"),
        ("pod", "ip address flush dev eth0", ADDRESS),
        ("pod", "ip route delete default", "0.0.0.0/0"),
        ("pod", "ip neighbour replace 169.254.1.1 lladdr 02:00:00:00:00:99 nud permanent dev eth0", "neighbour entry 169.254.1.1"),
        ("pod", "ip link delete eth0", "eth0"),
        ("host", f"ip link set {HOST_LINK} down", HOST_LINK),
        ("host", f"ip link set {HOST_LINK} alias other", "alias"),
        ("host", "ip route flush table 512", ADDRESS),
        ("host", f"sysctl -q -w net.ipv4.conf.{HOST_LINK}.rp_filter=0", "rp_filter"),
    ],
)
def test_check_names_what_is_missing(host, where, command, text):
    with host.daemon():
        result = host.cni("ADD")
        netns.execute(host.pod if where == "pod" else host.name, *command.split())
        broken = host.cni("CHECK", prevResult=result.json)
        assert broken.code == 102 and text in broken.json["msg"], broken
        if "alias" in command:
            netns.execute(host.name, "ip", "link", "delete", HOST_LINK)
        host.cni("DEL")


def test_check_of_prev_result(host):
    with host.daemon():
        result = host.cni("ADD").json
        for interfaces in ([], [{"name": "eth0", "sandbox": "/other"}], [{"name": "eth1", "sandbox": f"/run/netns/{host.pod}"}]):
            assert host.cni("CHECK", prevResult={**result, "interfaces": interfaces}).code == 7
        assert host.cni("CHECK", prevResult={**result, "ips": []}).code == 102
        # A later plugin put its own before ours.
        moved = json.loads(json.dumps(result))
        moved["interfaces"].insert(0, {"name": "bw0"})
        moved["ips"][0]["interface"] = 2
        assert host.cni("CHECK", prevResult=moved).rc == 0
        host.cni("DEL")


STATUSES = {
    "ready": (STATUS, None, ""),
    "waits for EC2": ({**STATUS, "pool": {**POOL, "free": 0}}, None, ""),
    "not ready": ({**STATUS, "ready": False, "reason": "no credentials"}, 50, "no credentials"),
    "impaired": ({**STATUS, "impaired": True, "impaired_reason": "eth1 is gone"}, 51, "eth1 is gone"),
    "pods wait": ({**STATUS, "pool": {**POOL, "free": 0, "waiting": 1}, "waiting_reason": "no free address"}, None, ""),
    "no room": ({**STATUS, "pool": {**POOL, "free": 0, "waiting": 1}, "waiting_reason": "subnet is full", "room": "none", "room_summary": "none"}, None, ""),
    "no room, of a daemon that knows none": ({**STATUS, "pool": {**POOL, "free": 0, "waiting": 1}, "waiting_reason": "subnet is full", "exhausted": True}, None, ""),
    "full and blocked, and nobody waits": (
        {**STATUS, "pool": {**POOL, "free": 0}, "blocked": [{"action": "create-eni", "subject": "subnet-x", "reason": "throttled", "until_ms": 1}]},
        None,
        "",
    ),
    "blocked and free": ({**STATUS, "blocked": [{"action": "a", "subject": "s", "reason": "r", "until_ms": 1}]}, None, ""),
    "no version": ({key: value for key, value in STATUS.items() if key != "version"}, 50, "version"),
    "error": (RemoteError("NotReady", reason="stopping"), 50, "stopping"),
    "silence": (SILENCE, 50, "time"),
    "hang up": (CLOSE, 50, "closed"),
    "garbage": (b"\xff\0", 50, ""),
}


@pytest.mark.parametrize("name", STATUSES)
def test_status(host, name):
    answer, code, text = STATUSES[name]
    with host.daemon(Status=answer):
        started = time.monotonic()
        result = answered(answer, lambda: host.cni("STATUS"))
        assert time.monotonic() - started < patient(5)
        if code is None:
            assert (result.rc, result.stdout) == (0, ""), result
        else:
            assert result.code == code and text in result.json["msg"], result


def test_gc(host):
    """What the daemon released loses its link, and nothing else does."""
    released = {"container_id": host.container_id, "ifname": "eth0", "address": ADDRESS}
    valid = [{"containerID": "alive", "ifname": "eth0"}, {"containerID": "x" * 300, "ifname": "eth0"}]
    with host.daemon(Gc={"released": []}, List={"enis": [], "leases": [lease_of(host.container_id)]}) as daemon:
        assert host.cni("ADD").rc == 0
        assert host.cni("GC").rc == 0
        assert "Gc" not in daemon.methods()
        for key in ("cni.dev/valid-attachments", "cni.dev/attachments"):
            assert host.cni("GC", **{key: valid}).rc == 0
            assert daemon.calls[-1] == ("Gc", {"network": "net", "attachments": [{"container_id": "alive", "ifname": "eth0"}]})
        assert host.links() == sorted([HOST_LINK, "lo"])
        daemon.answers["Gc"] = {"released": [{**released, "container_id": "somebody"}, released]}
        assert host.cni("GC", **{"cni.dev/valid-attachments": []}).rc == 0
        assert daemon.calls[-1] == ("Gc", {"network": "net", "attachments": []})
        host.assert_clean()


@pytest.mark.parametrize("answer, code", [(CLOSE, 11), (RemoteError("Internal", reason="disk full"), 999)])
def test_gc_fails_without_harm(host, answer, code):
    with host.daemon(Gc=answer, List={"enis": [], "leases": []}):
        result = host.cni("ADD")
        assert host.cni("GC", **{"cni.dev/valid-attachments": []}).code == code
        assert host.cni("CHECK", prevResult=result.json).rc == 0
        host.cni("DEL")
