# SPDX-License-Identifier: Apache-2.0
"""kube-proxy writes all its Services, again and again, while pods come and go: nothing of ours waits for it.

VPCWIRE_TEST_SERVICES=5000 makes it a large cluster: alone on the machine, for the kernel is then busy for a minute. In nftables
mode one ADD then waits for as long as kube-proxy's transaction lasts, whoever makes the link: where a link is registered, Linux
6.16 and newer take the lock of the namespace's transactions (nf_tables_netdev_event), older ones only where one is removed.
"""
import fcntl
import ipaddress
import os
import pathlib
import threading
import time
from statistics import median

import pytest

from vpc import echo, patient
from vpc.kube_proxy import MODES, Service

SERVICES = int(os.environ.get("VPCWIRE_TEST_SERVICES", "200"))
XTABLES_LOCK = pathlib.Path("/run/xtables.lock")


def many_services(endpoints):
    first = ipaddress.ip_address("172.20.0.1")
    return [
        Service(f"default/s{i}:main", str(first + i), (endpoints[i % len(endpoints)],), target_port=echo.PORT, node_port=0)
        for i in range(SERVICES)
    ]


class Restarts:
    """kube-proxy's full sync without end, in a thread."""

    def __init__(self, proxy, services):
        self.proxy, self.services = proxy, services
        self.done, self.ending, self.error = 0, threading.Event(), None
        self.thread = threading.Thread(target=self.run)
        self.begun = threading.Event()

    def run(self):
        try:
            while not self.ending.is_set():
                self.begun.set()
                self.proxy.sync(self.services)
                self.done += 1
        except Exception as error:  # noqa: BLE001 - shown by the test
            self.error = error

    def __enter__(self):
        self.thread.start()
        assert self.begun.wait(patient(30))
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join(patient(300))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.node(env={"IP_COOLDOWN_PERIOD": "1"})
def test_pods_come_and_go_while_kube_proxy_restarts(node, mode):
    """ADD, DEL and the pods' routes and marks go on; at the end both kube-proxy's rules and ours are whole."""
    missing = MODES[mode].missing(node.netns)
    if missing:
        pytest.skip(f"missing here: {missing}")
    stay = node.add_pods(["stay0", "stay1"])
    node.wait_quiet(total=6)  # an ENI that is on its way has no address yet
    services = many_services([pod.address for pod in stay])
    proxy = MODES[mode](node.netns, [eni["primary_address"] for eni in node.enis()], {pod.address for pod in stay}, "")
    with Restarts(proxy, services) as restarts, echo.serving(*(pod.netns for pod in stay)):
        number, adds_s, dels_s = 0, [], []
        while (restarts.done < 1 or number < 3) and restarts.thread.is_alive():
            begun = time.monotonic()
            pod = node.add_pod(f"short{number}")
            adds_s.append(time.monotonic() - begun)
            echo.assert_source(pod.netns, [stay[0].address, stay[1].address], pod.address)
            begun = time.monotonic()
            pod.delete()
            dels_s.append(time.monotonic() - begun)
            number += 1
    print(f"{restarts.done} syncs; {number} ADDs, {median(adds_s):.2f} s, at most {max(adds_s):.2f} s; DELs {median(dels_s):.2f} s, {max(dels_s):.2f} s")
    assert restarts.error is None and restarts.done >= 1, restarts.error
    with echo.serving(*(pod.netns for pod in stay)):
        client = node.add_pod("client")
        for service in (services[0], services[-1]):
            seen = echo.sources_seen(client.netns, [service.cluster_ip], port=service.port)
            assert set(seen.values()) == {client.address}, seen
    node.check_kernel()
    proxy.remove()


@pytest.mark.node(env={"IP_COOLDOWN_PERIOD": "1"})
def test_nobody_of_ours_takes_the_lock_of_iptables(node):
    """It is held for as long as a pod is added and deleted and the daemon repairs its packet filter."""
    XTABLES_LOCK.touch()
    with open(XTABLES_LOCK) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pod = node.add_pod("web")
        node.exec("nft", "delete", "table", "ip", "vpcwire")
        node.wait_until(lambda: node.exec("nft", "list", "table", "ip", "vpcwire"), 30, why="the table is back")
        pod.delete()
