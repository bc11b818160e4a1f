# SPDX-License-Identifier: Apache-2.0
"""The daemon's socket, spoken to by a foreign Varlink client (PyPI: varlink): the interface is what it says it is."""
import threading

import pytest
import varlink
from vpc.rpc import RpcError

from vpc import patient

INTERFACE = "io.vpcwire.ipam"
KEY = {"network": "vpcwire", "container_id": "varlink-test", "ifname": "eth0"}


@pytest.fixture
def client(node):
    with varlink.Client.new_with_address(f"unix:{node.socket}") as client:
        yield client


@pytest.fixture
def ipam(client):
    with client.open(INTERFACE) as connection:
        yield connection


def test_describes_itself(client):
    info = client.get_interface("org.varlink.service")
    assert "GetInfo" in info.members
    described = client.get_interface(INTERFACE)
    methods = {name for name, member in described.members.items() if type(member).__name__ == "_Method"}
    assert methods == {"Add", "Confirm", "Del", "Check", "Gc", "Status", "List", "Watch", "Events", "Address", "LogLevel", "Probe", "Handover", "Network"}
    assert "Addresses for pods" in described.get_description()
    with client.open("org.varlink.service") as service:
        answer = service.GetInfo()
        assert answer["product"] == "ipamd" and set(answer["interfaces"]) == {"org.varlink.service", INTERFACE}


def test_a_lease_from_add_to_del(ipam):
    first = ipam.Add(**KEY, pod_namespace="default", pod_name="varlink", timeout_ms=30000)
    assert first["reused"] is False and first["gateway"] == "169.254.1.1"
    again = ipam.Add(**KEY)
    assert again["reused"] is True and again["address"] == first["address"]
    assert ipam.Confirm(**KEY, address=first["address"]) == {}
    checked = ipam.Check(**KEY, address=first["address"])
    assert checked["state"] == "wired" and checked["eni_id"] == first["eni_id"]
    leases = {lease["container_id"]: lease for lease in ipam.List()["leases"]}
    assert leases[KEY["container_id"]]["address"] == first["address"]
    assert leases[KEY["container_id"]]["pod_name"] == "varlink"
    assert ipam.Del(**KEY) == {"released": True, "address": first["address"], "addresses": [first["address"]]}
    assert ipam.Del(**KEY)["released"] is False
    assert ipam.Status()["ready"] is True


SCALARS = {bool: "bool", int: "int", str: "string"}


def faults(interface, kind, value, path):
    """Where a value is not what the interface says: all that must be there is, nothing else is, and each is of its type."""
    name = type(kind).__name__
    if name in ("_CustomType", "_Alias"):
        return faults(interface, interface.members[kind.name].type, value, path)
    if name == "_Maybe":
        return [] if value is None else faults(interface, kind.element_type, value, path)
    if name == "_Array":
        if not isinstance(value, list):
            return [f"{path} is no list: {value}"]
        return [fault for i, item in enumerate(value) for fault in faults(interface, kind.element_type, item, f"{path}[{i}]")]
    if name == "_Enum":
        return [] if value in kind.fields else [f"{path} is {value}, not one of {list(kind.fields)}"]
    if name == "_Struct":
        if not isinstance(value, dict):
            return [f"{path} is no object: {value}"]
        unknown = [f"{path}.{key} is not in the interface" for key in value if key not in kind.fields]
        return unknown + [fault for key, of in kind.fields.items() for fault in faults(interface, of, value.get(key), f"{path}.{key}")]
    return [] if type(value) is type(kind) else [f"{path} is {value!r}, no {SCALARS[type(kind)]}"]


def one_is_the_first(value):
    """The singular fields say what the first item of the list beside them does."""
    first = value["addresses"][0]
    if isinstance(first, str):
        return value["address"] == first
    return all(value[key] == first.get(key) for key in first if key in value)


def test_replies_are_what_the_interface_says(node, client):
    """Whatever the daemon answers, over plain JSON, so that no client's library fills in or leaves out anything."""
    interface = client.get_interface(INTERFACE)
    answers = []

    def ask(method, **parameters):
        try:
            answer, kind = node.call(method, **parameters), interface.members[method].out_type
        except RpcError as error:
            answer, kind = error.parameters, interface.members[error.name].type
        assert not faults(interface, kind, answer, method)
        answers.append(method)
        return answer

    given = ask("Add", **KEY, pod_namespace="default", pod_name="varlink", timeout_ms=30000)
    assert one_is_the_first(given) and len(given["addresses"]) == 1
    assert one_is_the_first(ask("Check", **KEY)) and ask("Check", **KEY)["state"] == "reserved"
    assert ask("Confirm", **KEY, address=given["address"], addresses=[given["address"]]) == {}
    assert ask("Check", **KEY, address=given["address"])["state"] == "wired"
    assert all(one_is_the_first(lease) for lease in ask("List")["leases"])
    for key in ({**KEY, "container_id": "nobody"}, {**KEY, "ifname": "x" * 16}):
        ask("Check", **key)
    ask("Confirm", **KEY, address=given["address"], addresses=[given["address"], "10.0.1.99"])
    ask("Add", **{**KEY, "container_id": "late"}, address="10.99.0.1")
    ask("Status")
    for address in (given["address"], "10.99.0.1"):
        ask("Address", address=address)
    ask("LogLevel", level="warn")
    assert ask("LogLevel", level="loud")["allowed"] == "debug, info, warn, error"
    ask("Handover", hold=True)
    ask("Add", **{**KEY, "container_id": "later"})
    ask("Status")
    ask("Handover", hold=False)
    ask("Probe")
    assert one_is_the_first(ask("Gc", network=KEY["network"], attachments=[])["released"][0])
    ask("Del", **KEY)
    assert one_is_the_first(ask("Add", **KEY, timeout_ms=30000)) and one_is_the_first(ask("Del", **KEY))
    assert len(ask("Events")["events"]) > 3
    ask("List")
    node.wait_quiet(leased=0)  # an ENI that is being made is in List and not in Network
    network = ask("Network")
    assert [eni["device_index"] for eni in network["enis"]] == sorted(eni["device_index"] for eni in node.enis()) and network["vpc_cidrs"] == ["10.0.0.0/16"]
    with node.connect() as connection:
        connection.send("Watch", {"after": 0}, more=True)
        for _ in range(4):
            assert not faults(interface, interface.members["Watch"].out_type, connection.read(), "Watch")
    methods = {name for name, member in interface.members.items() if type(member).__name__ == "_Method"}
    assert methods == {*answers, "Watch"}


def test_gc_releases_what_is_not_listed(ipam):
    for number in range(2):
        ipam.Add(network="gc-test", container_id=f"gc-{number}", ifname="eth0", timeout_ms=30000)
    answer = ipam.Gc(network="gc-test", attachments=[{"container_id": "gc-1", "ifname": "eth0"}])
    assert [gone["container_id"] for gone in answer["released"]] == ["gc-0"]
    answer = ipam.Gc(network="gc-test", attachments=[])
    assert [gone["container_id"] for gone in answer["released"]] == ["gc-1"]


def test_errors(ipam):
    with pytest.raises(varlink.VarlinkError) as caught:
        ipam.Check(**KEY)
    assert caught.value.error() == INTERFACE + ".LeaseNotFound"
    assert caught.value.parameters()["container_id"] == KEY["container_id"]
    with pytest.raises(varlink.VarlinkError) as caught:
        ipam.Del(**{**KEY, "ifname": "x" * 16})
    assert caught.value.error() == INTERFACE + ".InvalidRequest"
    assert caught.value.parameters()["field"] == "ifname"
    with pytest.raises(varlink.VarlinkError) as caught:
        ipam.Del(network="vpcwire", container_id=7, ifname="eth0")
    assert caught.value.error() == "org.varlink.service.InvalidParameter"
    assert ipam.Status()["ready"] is True  # the connection lives on


def test_watch_streams(client, ipam):
    events, seen = [], threading.Event()

    def follow():
        with client.open(INTERFACE) as watcher:
            for event in watcher.Watch(_more=True, after=0):
                events.append(event)
                if event["subject"] == address:
                    seen.set()
                    return

    address = ipam.Add(**KEY, timeout_ms=30000)["address"]
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert seen.wait(patient(20)), events
    thread.join(patient(20))
    ipam.Del(**KEY)
    assert [event["id"] for event in events] == sorted({event["id"] for event in events})
