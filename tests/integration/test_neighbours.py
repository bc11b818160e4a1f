# SPDX-License-Identifier: Apache-2.0
"""Living with others: network managers that flush what they do not know, and sysctls flipped by hand. What is ours comes back
at once, and the pods reach each other as before."""
import contextlib
import re
import subprocess
import threading
import time

import pytest

from test_doctor import NETWORKD_RUNS, Doctor
from test_repair import host_network, wired  # noqa: F401  (a fixture)
from vpc import echo, happens_within, patient, wait_until
from vpc.neighbour import Networkd, NetworkManager

HEAL_DEADLINE_S = 30
OUR_PROTOCOL = "proto 118"
NO_IPV6 = "LinkLocalAddressing=no\nIPv6AcceptRA=no\n"
# A user's own settings for eth1 stand for any that match it: the others are not told to leave it alone.
NETWORKD = {
    "etc/network/10-primary.network": f"[Match]\nName=eth0\n[Network]\nKeepConfiguration=yes\n{NO_IPV6}",
    "etc/network/80-others.network": f"[Match]\nName=eth*\n[Network]\nAddress=192.0.2.9/24\n{NO_IPV6}",
}
NETWORK_MANAGER = {"etc/NetworkManager.conf": "[main]\nplugins=keyfile\ndns=none\nrc-manager=unmanaged\n"}
PROFILE = ["type", "ethernet", "ifname", "eth1", "con-name", "theirs", "ipv4.method", "manual"]
PROFILE += ["ipv4.addresses", "192.0.2.9/24", "ipv6.method", "disabled"]


def is_subscribed(process, node):
    """Whether its rtnetlink socket, whose port is its pid, hears of anything."""
    sockets = [line.split() for line in node.exec("cat", "/proc/net/netlink").stdout.splitlines()[1:]]
    return any(fields[1:3] == ["0", str(process.pid)] and int(fields[3], 16) for fields in sockets)


@contextlib.contextmanager
def deletions(node):
    """A list that the kernel's words about deleted rules, routes and addresses are added to."""
    monitor = ["ip", "-n", node.netns, "-4", "monitor", "rule", "route", "address"]
    process = subprocess.Popen(monitor, stdout=subprocess.PIPE, text=True)
    seen = []
    thread = threading.Thread(target=lambda: [seen.append(line) for line in process.stdout if line.startswith("Deleted")], daemon=True)
    thread.start()
    try:
        wait_until(lambda: is_subscribed(process, node), HEAL_DEADLINE_S, why="ip monitor listens")
        yield seen
    finally:
        process.terminate()
        process.wait(patient(HEAL_DEADLINE_S))
        thread.join(patient(HEAL_DEADLINE_S))
        process.stdout.close()


def assert_healed(node, before):
    def healed():
        now = host_network(node)
        assert now == before, {key: [set(now[key]) ^ set(before[key])] for key in now if now[key] != before[key]}
        return True

    started = time.monotonic()
    happens_within(healed, HEAL_DEADLINE_S)
    print(f"healed within {(time.monotonic() - started) * 1000:.0f} ms")
    with echo.serving(*(pod.netns for pod in node.pods)):
        for pod in node.pods:
            echo.assert_source(pod.netns, [p.address for p in node.pods if p is not pod], pod.address)


def test_networkd_that_flushes_foreign_rules_and_routes(wired, tmp_path):
    before = host_network(wired)
    with deletions(wired) as seen, Networkd(wired, tmp_path / "networkd").configure(NETWORKD) as networkd:
        for again in range(2):
            wait_until(lambda: any("192.0.2.9/24" in line for line in seen), HEAL_DEADLINE_S, why="its start is over, which flushes, too")
            seen.clear()
            networkd.exec("networkctl", "reconfigure", "eth1")
            wait_until(lambda: any("lookup 512" in line for line in seen), HEAL_DEADLINE_S, why="networkd flushed the rules")
            wait_until(lambda: any("table 2" in line and OUR_PROTOCOL in line for line in seen), HEAL_DEADLINE_S, why="and routes")
            wait_until(lambda: any("192.0.2.9/24" in line for line in seen), HEAL_DEADLINE_S, why="its own address was taken away")
            assert_healed(wired, before)
            if not again:
                seen.clear()
                networkd.restart()
    assert_healed(wired, before)


def test_network_manager_that_takes_an_eni_over(wired, tmp_path):
    before = host_network(wired)
    address = next(eni["primary_address"] for eni in wired.enis() if eni["device_index"] == 1)
    with deletions(wired) as seen, NetworkManager(wired, tmp_path / "nm").configure(NETWORK_MANAGER) as manager:
        manager.exec("nmcli", "connection", "add", *PROFILE)
        for again in range(2):
            seen.clear()
            manager.exec("nmcli", "connection", "up", "theirs")
            wait_until(lambda: any("192.0.2.9/24" in line for line in seen), HEAL_DEADLINE_S, why="its own address was taken away")
            assert_healed(wired, before)
            seen.clear()
            manager.exec("nmcli", "device", "disconnect", "eth1")
            wait_until(lambda: any(f" {address}/32 " in line for line in seen), HEAL_DEADLINE_S, why="NetworkManager flushed eth1")
            assert_healed(wired, before)
            if not again:
                manager.restart()
    assert_healed(wired, before)


def remedies(node, folder, running):
    """What doctor says to do about a program of which there are these files: settings files by path under /etc."""
    doctor = Doctor(node, folder)
    for path, text in running.items():
        doctor.write(path, text)
    files = {}
    for finding in doctor.troubles():
        section, line, path = re.match(r"\[(\w+)\] (.*) in /etc/(\S+);", finding["remedy"]).groups()
        files.setdefault(path, f"[{section}]\n")
        files[path] += f"{line}\n"
    assert files
    for path, text in files.items():
        doctor.write(f"etc/{path}", text)
    doctor.assert_well()
    return files


def test_networkd_leaves_us_alone_after_the_doctors_cure(wired, tmp_path):
    before = host_network(wired)
    cured = {f"etc/{path.removeprefix('systemd/')}": text for path, text in remedies(wired, tmp_path / "host", NETWORKD_RUNS).items()}
    with deletions(wired) as seen, Networkd(wired, tmp_path / "networkd").configure({**NETWORKD, **cured}) as networkd:
        wait_until(lambda: any("192.0.2.9/24" in line for line in seen), HEAL_DEADLINE_S, why="its own address was taken away")
        seen.clear()
        networkd.exec("networkctl", "reconfigure", "eth1")
        wait_until(lambda: any("192.0.2.9/24" in line for line in seen), HEAL_DEADLINE_S, why="and again")
        assert not [line for line in seen if "lookup" in line], "it flushed no rules"
        assert_healed(wired, before)
    assert_healed(wired, before)


def test_network_manager_leaves_us_alone_after_the_doctors_cure(wired, tmp_path):
    before = host_network(wired)
    cured = remedies(wired, tmp_path / "host", {"run/NetworkManager/NetworkManager.pid": "1\n"})
    cured = {f"etc/{path.removeprefix('NetworkManager/')}": text for path, text in cured.items()}
    manager = NetworkManager(wired, tmp_path / "nm").configure({**NETWORK_MANAGER, **cured})
    manager.ready = "device (eth0): Activation: successful"
    with deletions(wired) as seen, manager:
        states = dict(line.split(":")[:2] for line in manager.exec("nmcli", "-t", "-f", "DEVICE,STATE", "device").stdout.splitlines())
        ours = [link for link in states if link.startswith("eni") or link.startswith("eth")]
        assert {link for link in ours if states[link] != "unmanaged"} == {"eth0"}, states
        manager.exec("nmcli", "connection", "add", *PROFILE)
        with pytest.raises(AssertionError):
            manager.exec("nmcli", "connection", "up", "theirs")
        assert host_network(wired) == before and not seen
    assert_healed(wired, before)


SYSCTLS = {
    "net.ipv4.ip_forward": "0",
    "net.ipv4.conf.eth1.forwarding": "0",
    "net.ipv4.conf.eth0.rp_filter": "1",
    "net.ipv4.conf.eth1.rp_filter": "1",
}


@pytest.fixture
def sysctl(wired):
    """Reads, or writes, one of the node's."""
    return lambda *what: wired.exec("sysctl", "-n", *what).stdout.strip()


def test_sysctls_flipped_by_hand_come_back_without_a_resync(wired, sysctl):
    before = host_network(wired)
    for key, value in SYSCTLS.items():
        right = sysctl(key)
        assert right != value
        sysctl("-w", f"{key}={value}")
        started = time.monotonic()
        happens_within(lambda key=key, right=right: sysctl(key) == right, HEAL_DEADLINE_S, why=key)
        print(f"{key} healed within {(time.monotonic() - started) * 1000:.0f} ms")
    assert_healed(wired, before)


FIREWALLS = {
    "nft": (
        "nftables chain inet filter forward",
        ["nft add table inet filter", "nft add chain inet filter forward { type filter hook forward priority 0; policy drop; }"],
    ),
    "nft-last-rule": (
        "nftables chain inet firewalld filter_FORWARD",
        [
            "nft add table inet firewalld",
            "nft add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }",
            "nft add rule inet firewalld filter_FORWARD ct state established,related accept",
            "nft add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited",
        ],
    ),
    "ufw": (
        "nftables chain ip filter FORWARD",
        [
            "iptables-nft -N ufw-before-forward",
            "iptables-nft -A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "iptables-nft -A FORWARD -j ufw-before-forward",
            "iptables-nft -P FORWARD DROP",
        ],
    ),
    "docker": (
        "nftables chain ip filter FORWARD",
        [
            "iptables-nft -N DOCKER-USER",
            "iptables-nft -A DOCKER-USER -j RETURN",
            "iptables-nft -A FORWARD -j DOCKER-USER",
            "iptables-nft -P FORWARD DROP",
        ],
    ),
    "iptables-legacy": ("iptables-legacy chain FORWARD", ["iptables-legacy -A FORWARD -i lo -j ACCEPT", "iptables-legacy -P FORWARD DROP"]),
}
# what the named remedy stands for where the program itself is not here
STANDS_FOR = {
    "ufw default allow routed": "iptables-nft -P FORWARD ACCEPT",
    "firewall-cmd --permanent --zone=trusted --add-interface=eni+; firewall-cmd --reload": "; ".join(
        f"nft insert rule inet firewalld filter_FORWARD {direction} 'eni*' accept" for direction in ("iifname", "oifname")),
}
SILENT = ("iptables-legacy", "firewalld")  # no notification tells of these: they are looked at once a minute, and at the start


def drops(node):
    return {w["subject"]: w["reason"] for w in node.status()["warnings"]}


@pytest.mark.parametrize("where, commands", FIREWALLS.values(), ids=FIREWALLS)
def test_a_firewall_that_drops_is_reported_with_a_remedy_that_works(wired, where, commands, tmp_path, monkeypatch):
    monkeypatch.setenv("XTABLES_LOCKFILE", str(tmp_path / "xtables.lock"))  # iptables-legacy's own is the machine's
    one, other = wired.pods[:2]
    assert drops(wired) == {}
    for command in commands:
        wired.exec(*command.split(" ", 5)) if command.startswith("nft add chain") else wired.exec(*command.split())
    if any(name in where for name in SILENT):
        wired.restart()
    happens_within(lambda: where in drops(wired), HEAL_DEADLINE_S, why="the warning")
    happens_within(lambda: wired.log.read_text().count("firewall drops pods' packets") == 1, HEAL_DEADLINE_S)
    with echo.serving(other.netns):
        assert "error" in str(echo.sources_seen(one.netns, [other.address], try_s=1)).lower()
        reason = drops(wired)[where]
        remedy = reason.split("the remedy: ", 1)[1]
        shown = wired.exec(wired.build / "bin/ipamctl", "--socket", wired.socket, "status").stdout
        assert f"warning    {where}: {reason}" in shown
        wired.exec("sh", "-c", STANDS_FOR.get(remedy, remedy).replace("iptables -", "iptables-nft -"))
        echo.assert_source(one.netns, [other.address], one.address)
    happens_within(lambda: drops(wired) == {}, HEAL_DEADLINE_S, why="no warning")
    assert wired.log.read_text().count("firewall drops pods' packets") == 1


STRAYS = {
    "a network of containers in the VPC's range": ("10.0.77.0/24", ["ip address add 10.0.77.1/24 dev other0"]),
    "a better default route": ("default", ["ip route prepend default dev other0"]),
}


@pytest.mark.parametrize(("subject", "commands"), STRAYS.values(), ids=STRAYS)
def test_others_take_the_main_table_from_the_primary_enis_pods(node, subject, commands):
    """Its pods leave by table main, which is others': nothing of it is touched, and it is reported for as long as it lasts."""
    node.wait_quiet()
    node.wait_start_calls()  # later ones would wait for their answers by the wrong route
    assert node.status()["warnings"] == []
    node.exec("ip", "link", "add", "other0", "type", "bridge")
    node.exec("ip", "link", "set", "other0", "up")
    for command in commands:
        node.exec(*command.split())
    main = node.ip("-4", "route", "show", "table", "main")
    node.exec("ip", "rule", "del", "priority", "512")  # the main table is looked at with all else

    def told():
        (warning,) = node.status()["warnings"]
        assert warning["subject"] == subject and "other0" in warning["reason"], warning
        return True

    wait_until(told, 60)
    assert node.ip("-4", "route", "show", "table", "main") == main
    node.exec("ip", "link", "del", "other0")
    wait_until(lambda: node.status()["warnings"] == [], 60)
