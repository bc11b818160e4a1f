# SPDX-License-Identifier: Apache-2.0
"""The daemon's socket, spoken to by a foreign Varlink client (PyPI: varlink): the interface is what it says it is."""
import threading

import pytest
import varlink

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
    assert methods == {"Add", "Confirm", "Del", "Check", "Gc", "Status", "List", "Watch", "Events", "Address", "LogLevel", "Probe", "Handover"}
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
    assert ipam.Del(**KEY) == {"released": True, "address": first["address"]}
    assert ipam.Del(**KEY)["released"] is False
    assert ipam.Status()["ready"] is True


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
