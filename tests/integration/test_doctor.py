# SPDX-License-Identifier: Apache-2.0
"""ipamctl doctor: each trouble is made on purpose, named, mended, and gone from the report. What ipamd would heal at once is
broken while a stand-in answers with what ipamd said before it was stopped."""
import contextlib
import copy
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from fake_ipamd import FakeIpamd
from test_repair import wired  # noqa: F401  (a fixture)
from vpc import wait_until
from vpc.process import SANITIZER_OPTIONS

EXIT_CODES = {"ok": 0, "unchecked": 0, "warn": 3, "fail": 4}  # from good to bad
NETWORKD_CONF = "etc/systemd/networkd.conf.d/80-vpcwire.conf"
NM_CONF = "etc/NetworkManager/conf.d/80-vpcwire.conf"
NETWORKD_RUNS = {"run/systemd/netif/state": "OPER_STATE=routable\n"}
CONFLIST = "etc/cni/net.d/10-vpcwire.conflist"
PLUGIN = "opt/cni/bin/vpcwire"
KUBELET_JSON = "etc/kubernetes/kubelet/config.json"


def routes(table, link):
    """With the address, or the link, its routes go: what puts them back."""
    return [f"ip route replace {to} dev {link} table {table} proto 118" for to in ("10.0.1.1", "default via 10.0.1.1")]


# check: what is done to the kernel, and what mends it. {pod}, {link}: a pod; {eni}: the address of eth1.
KERNEL = [
    ("forwarding", "fail", ["sysctl -w net.ipv4.ip_forward=0"], ["sysctl -w net.ipv4.ip_forward=1"]),
    ("forwarding", "fail", ["sysctl -w net.ipv4.conf.eth1.forwarding=0"], ["sysctl -w net.ipv4.conf.eth1.forwarding=1"]),
    ("rp_filter", "fail", ["sysctl -w net.ipv4.conf.eth1.rp_filter=1"], ["sysctl -w net.ipv4.conf.eth1.rp_filter=0"]),
    ("rp_filter", "fail", ["sysctl -w net.ipv4.conf.all.rp_filter=1"], ["sysctl -w net.ipv4.conf.all.rp_filter=0"]),
    ("eni-sysctls", "warn", ["sysctl -w net.ipv4.conf.eth1.proxy_arp=1"], ["sysctl -w net.ipv4.conf.eth1.proxy_arp=0"]),
    ("pod-sysctls", "warn", ["sysctl -w net.ipv4.conf.{link}.rp_filter=0"], ["sysctl -w net.ipv4.conf.{link}.rp_filter=1"]),
    ("pod-sysctls", "warn", ["sysctl -w net.ipv4.conf.{link}.accept_local=1"], ["sysctl -w net.ipv4.conf.{link}.accept_local=0"]),
    ("pod-sysctls", "warn", ["sysctl -w net.ipv4.conf.{link}.arp_accept=1"], ["sysctl -w net.ipv4.conf.{link}.arp_accept=0"]),
    ("pod-sysctls", "warn", ["sysctl -w net.ipv6.conf.{link}.accept_ra=1"], ["sysctl -w net.ipv6.conf.{link}.accept_ra=0"]),
    ("eni-sysctls", "warn", ["sysctl -w net.ipv6.conf.eth1.accept_ra=1"], ["sysctl -w net.ipv6.conf.eth1.accept_ra=0"]),
    ("eni-sysctls", "warn", ["sysctl -w net.ipv4.conf.eth1.accept_redirects=1"], ["sysctl -w net.ipv4.conf.eth1.accept_redirects=0"]),
    ("pod-sysctls", "warn", ["sysctl -w net.ipv4.conf.all.rp_filter=2"], ["sysctl -w net.ipv4.conf.all.rp_filter=0"]),
    ("redirects", "warn", ["sysctl -w net.ipv4.conf.all.accept_redirects=1"], ["sysctl -w net.ipv4.conf.all.accept_redirects=0"]),
    ("links", "fail", ["ip address del {eni}/32 dev eth1"], ["ip address add {eni}/32 dev eth1", *routes(2, "eth1")]),
    ("links", "fail", ["ip link set eth2 down"], ["ip link set eth2 up", *routes(3, "eth2")]),
    ("links", "fail", ["ip link set eth1 mtu 1300"], ["ip link set eth1 mtu 9001"]),
    ("pod-links", "warn", ["ip link set {link} group 0"], ["ip link set {link} group 118"]),
    ("rules", "fail", ["ip rule del priority 512"], ["ip rule add priority 512 lookup 512 protocol 118"]),
    ("rules", "fail", ["ip rule del priority 1024"], ["ip rule add priority 1024 fwmark 0x80/0x80 lookup main protocol 118"]),
    ("rules", "fail", ["ip rule del priority 1534 from {eni} iif lo"], ["ip rule add priority 1534 from {eni} iif lo goto 1537 protocol 118"]),
    ("rules", "fail", ["ip rule del priority 1536 lookup 2"], ["ip rule add priority 1536 fwmark 0x102/0x1f02 lookup 2 protocol 118"]),
    ("rules", "fail", ["ip rule del priority 1537 lookup 2"], ["ip rule add priority 1537 from {eni} lookup 2 protocol 118"]),
    ("other-rules", "warn", ["ip rule add priority 100 to 10.0.0.0/8 lookup main"], ["ip rule del priority 100"]),
    ("eni-routes", "fail", ["ip route del default table 2"], ["ip route add default via 10.0.1.1 dev eth1 table 2 proto 118"]),
    ("rules", "fail", ["ip rule add priority 1536 fwmark 0x902/0x1f02 lookup 10 protocol 118"], ["ip rule del priority 1536 lookup 10"]),
    ("pod-routes", "fail", ["ip route del {pod} table 512"], ["ip route add {pod} dev {link} table 512 proto 118 scope link"]),
    ("nftables", "fail", ["nft delete table ip vpcwire"], ["nft -f {ruleset}"]),
    ("nftables", "fail", ["nft flush chain ip vpcwire snat_pods", "nft delete chain ip vpcwire snat_pods"],
     ["nft delete table ip vpcwire", "nft -f {ruleset}"]),
    ("nftables", "fail", ["nft delete element ip vpcwire pods {{ {pod} }}"], ["nft add element ip vpcwire pods {{ {pod} }}"]),
    ("guards", "fail", ["nft delete table inet vpcwire"], ["nft -f {ruleset}.inet"]),
    ("guards", "fail", ["nft delete table arp vpcwire"], ["nft -f {ruleset}.arp"]),
    ("addresses", "fail", ["ip address add {pod}/32 dev lo"], ["ip address del {pod}/32 dev lo"]),
    ("addresses", "fail", ["ip address add {pod}/24 dev eth0"], ["ip address del {pod}/24 dev eth0"]),
    ("addresses", "warn", ["ip address add 10.0.1.250/24 dev eth0"], ["ip address del 10.0.1.250/24 dev eth0"]),
    ("gateway", "warn", ["ip neigh del proxy 169.254.1.1 dev {link}"], ["ip neigh add proxy 169.254.1.1 dev {link}"]),
    ("firewall", "warn", ["iptables-legacy -P FORWARD DROP"], ["iptables-legacy -P FORWARD ACCEPT"]),
    ("firewall", "warn", ["iptables-nft -P FORWARD DROP"], ["nft delete table ip filter"]),
]

# check: files of the host that are written (a text), or taken away (None)
FILES = [
    ("networkd", "warn", NETWORKD_RUNS),
    ("networkd", "warn", {**NETWORKD_RUNS, NETWORKD_CONF: "[Network]\nManageForeignRoutes=no\n"}),
    ("networkd", "ok", {**NETWORKD_RUNS, NETWORKD_CONF: "[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"}),
    ("networkd", "warn", {**NETWORKD_RUNS, "etc/systemd/networkd.conf": "[Network]\nManageForeignRoutes=no\n#ManageForeignRoutingPolicyRules=no\n"}),
    ("network-manager", "warn", {"run/NetworkManager/NetworkManager.pid": "1\n"}),
    ("network-manager", "ok", {"run/NetworkManager/NetworkManager.pid": "1\n", NM_CONF: "[keyfile]\nunmanaged-devices=interface-name:eni*\n"}),
    ("cloud-tools", "warn", {"etc/systemd/system/timers.target.wants/nm-cloud-setup.timer": ""}),
    ("cloud-tools", "warn", {"usr/lib/udev/rules.d/99-vpc-policy-routes.rules": ""}),
    ("cloud-tools", "warn", {"etc/udev/rules.d/90-cloud-init-hook-hotplug.rules": ""}),
    ("cni-config", "fail", {CONFLIST: None}),
    ("cni-config", "fail", {"etc/cni/net.d/00-other.conf": '{"name": "x", "type": "bridge"}'}),
    ("cni-config", "ok", {"etc/cni/net.d/00-notes.txt": "not a configuration"}),
    ("cni-plugin", "fail", {PLUGIN: None}),
    # a t3.small has 9 addresses for pods; 2 pods are on the host's
    ("max-pods", "warn", {"var/lib/kubelet/config.yaml": "kind: KubeletConfiguration\nmaxPods: 12\n"}),
    ("max-pods", "ok", {"var/lib/kubelet/config.yaml": "kind: KubeletConfiguration\nmaxPods: 11\n"}),
    ("max-pods", "warn", {"var/lib/kubelet/config.yaml": "kind: KubeletConfiguration\n# maxPods: 5\n"}),
    ("max-pods", "warn", {"etc/kubernetes/kubelet/kubelet-config.json": '{"kind": "KubeletConfiguration", "maxPods": 58}'}),
    ("max-pods", "warn", {KUBELET_JSON: '{"maxPods":5}', KUBELET_JSON + ".d/40-nodeadm.conf": '{"maxPods":58}'}),
    ("max-pods", "ok", {KUBELET_JSON: '{"maxPods":58}', KUBELET_JSON + ".d/40-nodeadm.conf": '{"maxPods":5}'}),
    ("max-pods", "warn", {"proc/77/cmdline": "/usr/bin/kubelet\0--max-pods=17\0", "var/lib/kubelet/config.yaml": "maxPods: 8\n"}),
    ("max-pods", "ok", {"proc/77/cmdline": "/usr/bin/kubelet\0--max-pods\08\0", "var/lib/kubelet/config.yaml": "maxPods: 17\n"}),
    ("max-pods", "warn", {"proc/77/cmdline": "kubelet\0--config=/etc/k.yaml\0", "etc/k.yaml": "maxPods: 17\n"}),
    ("max-pods", "ok", {"proc/77/cmdline": "not-kubelet\0--max-pods=17\0"}),
]


class Doctor:
    """The report of a node's doctor, with host files under `root`."""

    def __init__(self, node, root):
        self.node, self.root = node, root
        self.write(CONFLIST, '{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "vpcwire"}]}')
        self.write(PLUGIN, "").chmod(0o755)
        self.write("proc/1/cmdline", "/sbin/init\0")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)
        return self.root / path

    def run(self, *options, before=(), db=None, container=None, program="ipamctl"):
        """container: the variables of one, in which nobody says --root."""
        env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_DB": str(db or self.node.db), "VPCWIRE_SOCKET": str(self.node.socket)}
        root = () if container is not None else ("--root", self.root)
        command = [*before, self.node.build / "bin" / program, *root, *options, "doctor"]
        return self.node.exec(*command, check=False, env={**env, **(container or {})})

    def findings(self, **options):
        """All, after a resync at the exit code."""
        done = self.run("--json", **options)
        report = json.loads(done.stdout)
        verdicts = [finding["verdict"] for finding in report["checks"]]
        worst = max(verdicts, key=list(EXIT_CODES).index)
        elsewhere = any(finding["check"] == "place" and finding["verdict"] != "ok" and "container" not in finding["found"] for finding in report["checks"])
        said = [line for line in done.stderr.splitlines() if "must be root" not in line]  # libnftables' own
        assert (report["verdict"], done.returncode, said) == (worst, EXIT_CODES[worst] or elsewhere, [])
        for finding in report["checks"]:
            assert finding["verdict"] in ("ok", "unchecked") or finding["breaks"], finding
        return report["checks"]

    def troubles(self, **options):
        return [finding for finding in self.findings(**options) if finding["verdict"] in ("warn", "fail")]

    def unchecked(self, **options):
        return {finding["check"] for finding in self.findings(**options) if finding["verdict"] == "unchecked"}

    def assert_named(self, check, verdict, **options):
        named = [finding for finding in self.findings(**options) if finding["check"] == check]
        assert verdict in [finding["verdict"] for finding in named], named
        return named

    def assert_well(self):
        assert self.troubles() == []


@pytest.fixture
def doctor(wired, tmp_path, monkeypatch):
    monkeypatch.setenv("XTABLES_LOCKFILE", str(tmp_path / "xtables.lock"))  # iptables-legacy's own is the machine's
    return Doctor(wired, tmp_path / "host")


@contextlib.contextmanager
def stand_in(node, **changes):
    """ipamd is stopped, and its last answers are given: what is broken stays broken."""
    answers = {method: node.call(method) for method in ("List", "Network", "Probe")}
    status = node.status()
    node.stop()
    with FakeIpamd(node.socket, Status={**status, **changes}, **answers) as fake:
        yield fake
    pathlib.Path(node.socket).unlink()


def test_a_healthy_node_is_well_in_text_and_json(doctor):
    names = {finding["check"] for finding in doctor.findings()}
    doctor.assert_well()
    done = doctor.run("--all")
    assert {line.split()[1] for line in done.stdout.splitlines() if line.startswith("ok ")} == names
    assert len({line.index(line.split()[2]) for line in done.stdout.splitlines() if line.startswith("ok ")}) == 1, "not aligned"
    assert done.stdout.endswith(f"\n\n{len(names)} OK, 0 to check, 0 broken\n") and "\033" not in done.stdout
    assert doctor.run().stdout == f"{len(names)} OK, 0 to check, 0 broken (--all shows each)\n"
    known = {check for check, *_ in KERNEL + FILES} | {"place", "daemon", "version", "serving", "settings", "warnings", "ec2", "database", "conntrack", "kernel", "neighbours"}
    known |= {"imds", "credentials", "clock", "permissions", "limits"}
    assert names == known, "a check without a test, or a test without a check"


def test_trouble_in_the_kernel_is_named_until_it_is_mended(doctor, tmp_path):
    node = doctor.node
    ruleset = tmp_path / "ruleset"
    ruleset.write_text(node.exec("nft", "list", "table", "ip", "vpcwire").stdout)
    for family in ("inet", "arp"):
        (tmp_path / f"ruleset.{family}").write_text(node.exec("nft", "list", "table", family, "vpcwire").stdout)
    lease = node.leases()[0]
    words = {"pod": lease["address"], "link": lease["host_ifname"], "ruleset": ruleset}
    words["eni"] = next(eni["primary_address"] for eni in node.enis() if eni["device_index"] == 1)
    with stand_in(node):
        doctor.assert_well()
        for check, verdict, trouble, remedy in KERNEL:
            for command in trouble:
                node.exec(*command.format(**words).split())
            doctor.assert_named(check, verdict)
            for command in remedy:
                node.exec(*command.format(**words).split())
            assert doctor.troubles() == [], trouble


def test_a_remedy_that_is_a_command_cures(doctor):
    node = doctor.node
    commands = {
        "rp_filter": "sysctl -w net.ipv4.conf.eth1.rp_filter=1",
        "forwarding": "sysctl -w net.ipv4.conf.eth1.forwarding=0",
        "eni-sysctls": "sysctl -w net.ipv6.conf.eth1.accept_ra=2",
        "redirects": "sysctl -w net.ipv4.conf.all.accept_redirects=1",
        "other-rules": "ip rule add priority 100 to 10.0.0.0/8 lookup main",
        "gateway": f"ip neigh del proxy 169.254.1.1 dev {node.leases()[0]['host_ifname']}",
    }
    with stand_in(node):
        for check, trouble in commands.items():
            node.exec(*trouble.split())
            remedy = doctor.assert_named(check, "fail" if check in ("rp_filter", "forwarding") else "warn")[0]["remedy"]
            node.exec(*re.search(r"(sysctl|ip) [^;]*", remedy)[0].split())
            doctor.assert_well()


def test_the_neighbours_are_counted(doctor):
    """A large subnet alone is no trouble: few of it ever are neighbours. (When it is one, test_ctl.c asks; the table is the whole machine's.)"""
    def numbers():
        found = next(finding for finding in doctor.findings() if finding["check"] == "neighbours")
        assert found["verdict"] == "ok", found
        return [int(number) for number in re.search(r"(\d+) of the (\d+) .* can have (\d+)", found["found"]).groups()]
    used, limit, most = numbers()
    node = doctor.node
    node.exec("ip", "route", "add", "10.128.0.0/12", "dev", "eth0")
    for i in range(1, 21):
        node.exec("ip", "neigh", "add", f"10.128.0.{i}", "lladdr", "02:00:00:00:00:01", "nud", "permanent" if i > 16 else "stale", "dev", "eth0")
    now, same, more = numbers()
    assert same == limit and more == most + (1 << 20) > limit
    assert now >= 16 and now <= used + 16, "permanent ones do not count"
    doctor.assert_well()


def test_what_doctor_sees_itself_the_daemon_need_not_say_again(doctor):
    node = doctor.node
    pod = node.leases()[0]["address"]
    node.exec("ip", "address", "add", f"{pod}/32", "dev", "lo")
    node.exec("nft", "add table ip other; add chain ip other c { type filter hook forward priority 0; policy drop; }")
    wait_until(lambda: len(node.status()["warnings"]) == 2, 60, why="the daemon sees both")
    troubles = doctor.troubles()
    assert [finding["check"] for finding in troubles if pod in finding["found"] and finding["check"] != "serving"] == ["addresses"], troubles
    assert [finding["check"] for finding in troubles if "other" in finding["found"]] == ["firewall"], troubles
    serving = [finding for finding in troubles if finding["check"] == "serving"]
    assert all("remedy" not in finding for finding in serving), "no pod must be recreated for it"


def test_trouble_in_files_is_named_until_it_is_mended(doctor):
    for check, verdict, files in FILES:
        before = {path: (doctor.root / path).read_text() if (doctor.root / path).exists() else None for path in files}
        for path, text in files.items():
            doctor.write(path, text or "") if text is not None else (doctor.root / path).unlink()
        doctor.assert_named(check, verdict)
        for path, text in before.items():
            (doctor.root / path).unlink(missing_ok=True)
            if text is not None:
                doctor.write(path, text).chmod(0o755)
        for folder in sorted(doctor.root.rglob("*"), reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        assert doctor.troubles() == [], files


def test_what_only_the_daemon_knows(doctor):
    node = doctor.node
    well = node.status()
    blocked = [{"action": "assign", "subject": "eni-1", "reason": "throttled", "until_ms": 1}]
    with stand_in(node) as fake:
        for check, verdict, changes in [
            ("version", "warn", {"version": "0.0.1"}),
            ("serving", "fail", {"ready": False, "reason": "no free address"}),
            ("serving", "fail", {"impaired": True, "impaired_reason": "2 running pods have addresses that EC2 no longer assigns here"}),
            ("serving", "warn", {"waiting_reason": "no free address"}),
            ("serving", "fail", {"waiting_reason": "no free address; subnet is full", "room": "none", "room_summary": "none"}),
            ("warnings", "warn", {"warnings": [{"subject": "10.0.1.9", "reason": "the host itself has this address"}]}),
            ("ec2", "warn", {"blocked": blocked}),
            ("warnings", "warn", {"warnings": [{"subject": "10.0.1.9", "reason": "a route leads its packets elsewhere"}]}),
            ("settings", "warn", {"warnings": [{"subject": "MAX_ENI", "reason": "'0' is ignored, as if unset", "setting": True}]}),
        ]:
            fake.answers["Status"] = {**copy.deepcopy(well), **changes}
            doctor.assert_named(check, verdict)
            fake.answers["Status"] = well
            doctor.assert_well()
        for changes, words in [
            ({"max_enis": 0}, "not known"),
            ({"targets": {**well["targets"], "minimum_ip": 10}}, "MINIMUM_IP_TARGET is 10"),
            ({"targets": {**well["targets"], "warm_ip": 10}}, "WARM_IP_TARGET is 10"),
            ({"targets": {**well["targets"], "minimum_ip": 4, "max_eni": 1}}, "room for 3 addresses"),
            ({"targets": {**well["targets"], "warm_eni": 4}}, "WARM_ENI_TARGET is 4"),
        ]:
            fake.answers["Status"] = {**copy.deepcopy(well), **changes}
            assert words in doctor.assert_named("limits", "warn")[0]["found"]
            fake.answers["Status"] = well
            doctor.assert_well()
    named = doctor.assert_named("daemon", "fail")
    assert named[0]["found"].startswith("it is not running: there is no socket"), named
    assert [finding["check"] for finding in doctor.troubles()] == ["daemon"], "the rest is seen without it"


def test_the_database(doctor, tmp_path):
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"this is no database at all")
    for path, found in ((garbage, "not an SQLite"), (tmp_path / "missing.db", "does not exist"), (tmp_path / "garbage.db/in", "Not a directory")):
        assert found in doctor.assert_named("database", "fail", db=path)[0]["found"]
    doctor.node.db.chmod(0o644)
    doctor.assert_named("database", "warn")
    doctor.node.db.chmod(0o600)
    doctor.assert_well()


def test_a_full_connection_table(doctor, tmp_path):
    count = tmp_path / "count"
    limit = int(doctor.node.exec("sysctl", "-n", "net.netfilter.nf_conntrack_max").stdout)
    instead = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /proc/sys/net/netfilter/nf_conntrack_count; exec "$@"', count]
    for percent, verdict in ((95, "fail"), (80, "warn"), (10, "ok")):
        count.write_text(f"{limit * percent // 100}\n")
        doctor.assert_named("conntrack", verdict, before=instead)


def other_kernel(doctor, release=None, lacks=(), before=()):
    """What doctor says of a kernel that calls itself so and lacks these."""
    env = [f"KERNEL_LACKS=,{','.join(lacks)},", *([f"KERNEL_RELEASE={release}"] if release else [])]
    return [(finding["verdict"], finding["found"], finding.get("remedy")) for finding in doctor.findings(program="ipamctl_other_kernel", before=[*before, "env", *env])
            if finding["check"] == "kernel"]


@pytest.mark.parametrize("before", [(), ("setpriv", "--bounding-set", "-sys_admin")], ids=["host", "container"])
def test_a_kernel_that_lacks_what_we_use(doctor, before):
    table = subprocess.run([doctor.node.build / "bin/ipamd", "kernel"], capture_output=True, text=True, check=True).stdout
    features = re.findall(r"^\| (.+?) \| .* \| (\d+\.\d+) \| (?:`(.+?)`)? \| (.*)\|$", table, re.M)
    always = {name for name, _, _, setting in features if not setting.strip()}
    assert {"veth", "policy rules", "nf_tables", "nftables fib", "nftables inet", "nftables arp"} <= always and len(features) == len(always) + 1
    assert [verdict for verdict, *_ in other_kernel(doctor, before=before)] == ["ok"]
    for name, since, option, setting in features:
        said = other_kernel(doctor, lacks=[name], before=before)
        if name in always:
            (verdict, found, remedy), = said
            assert verdict == "fail" and found.startswith(f"{name} is missing (") and found.endswith("No such file or directory"), said
            assert remedy.startswith(f"use Linux {since} or later") and option in remedy, said
        else:
            assert [verdict for verdict, *_ in said] == ["ok"], "it is for a setting that is not set"
    assert {found.split(" is missing")[0] for _, found, _ in other_kernel(doctor, lacks=[name for name, *_ in features], before=before)} == always


def test_a_kernel_that_is_too_old(doctor):
    for release, verdict in (("4.14.355-275.amzn2.x86_64", "fail"), ("5.6.19", "fail"), ("5.7.1", "warn"), ("5.9.16", "warn"), ("5.10.0-33-cloud-amd64", "ok"), ("6.12.1", "ok"), ("odd", "unchecked")):
        (said, found, remedy), = other_kernel(doctor, release=release)
        assert said == verdict and (verdict == "ok" or release in found), found
        assert remedy == ("use Linux 5.10 or later" if verdict in ("warn", "fail") else None), remedy


def test_a_feature_that_only_a_setting_needs(doctor):
    """Missing where the setting is on; without the daemon nobody knows whether it is."""
    def ask():
        said, = other_kernel(doctor, lacks=["reject in inet"])
        return said
    off = doctor.node.call("Network")
    assert off["block_imds"] is False and ask()[0] == "ok"
    with stand_in(doctor.node) as fake:
        fake.answers["Network"] = {**off, "block_imds": True}
        verdict, found, remedy = ask()
        assert verdict == "fail" and "reject in inet" in found and remedy.endswith("or set VPCWIRE_BLOCK_IMDS=false"), (found, remedy)
    verdict, found, _ = ask()
    assert verdict == "unchecked" and "VPCWIRE_BLOCK_IMDS" in found, found


def test_without_the_right_to_ask_the_kernel_nothing_is_called_missing(doctor):
    named = doctor.assert_named("kernel", "unchecked", before=["setpriv", "--bounding-set", "-net_admin"])
    assert len(named) == 1 and "CAP_NET_ADMIN" in named[0]["remedy"], named


# Each setting that the host's network is made from, as others have it.
SETTINGS = {
    "AWS_VPC_ENI_MTU": "1500",
    "AWS_VPC_K8S_CNI_CONNMARK": "0x100000",
    "AWS_VPC_K8S_CNI_EXTERNALSNAT": "true",
    "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS": "192.168.0.0/16,172.16.0.0/12",
    "AWS_VPC_K8S_CNI_RANDOMIZESNAT": "none",
    "AWS_EXTERNAL_SERVICE_CIDRS": "203.0.113.0/24",
    "AWS_VPC_CNI_NODE_PORT_SUPPORT": "false",
    "AWS_VPC_K8S_CNI_VETHPREFIX": "pod",
    "VPCWIRE_BLOCK_IMDS": "true",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_any_setting_is_as_well(make_node, tmp_path, name):
    node = make_node("n1", env={name: SETTINGS[name], "WARM_ENI_TARGET": "2"})
    node.add_pod("p0")
    node.wait_quiet(total=9)
    Doctor(node, tmp_path / "host").assert_well()


@pytest.mark.node(env={"WARM_ENI_TARGET": "3"})
def test_a_node_at_its_limit_is_as_well(doctor):
    """It has all the ENIs that it may have, and would like more: a normal state of a small node."""
    node = doctor.node
    wait_until(lambda: [(row["action"], row.get("kind"), row.get("cause")) for row in node.status()["blocked"]] == [("grow", "grow", "eni_limit")], 60, why="it is at its limit")
    doctor.assert_well()
    assert "full" in next(finding["found"] for finding in doctor.findings() if finding["check"] == "ec2")


def test_what_cannot_be_looked_at_is_not_called_well(doctor):
    """In the daemon's container: some of the host's folders are there, the rest of its files and its processes are not."""
    files = {"place", "networkd", "network-manager", "cloud-tools", "max-pods"}
    pod = {"KUBERNETES_SERVICE_HOST": "10.100.0.1"}
    mounted = {**pod, "HOST_CNI_CONFDIR_PATH": str(doctor.root / "etc/cni/net.d"), "HOST_CNI_BIN_PATH": str(doctor.root / "opt/cni/bin")}
    least = ["setpriv", "--bounding-set", "-sys_admin"]
    assert doctor.unchecked(container=mounted, before=least) == files
    assert doctor.troubles(container=mounted, before=least) == []
    assert doctor.unchecked(container=pod) == files | {"cni-config", "cni-plugin"}
    done = doctor.run(container=pod)
    assert done.returncode == 0 and f"{len(files) + 2} not checked" in done.stdout, done.stdout
    (doctor.root / CONFLIST).unlink()
    assert [finding["check"] for finding in doctor.troubles(container=mounted)] == ["cni-config"]
    doctor.write(CONFLIST, '{"plugins": [{"type": "vpcwire"}]}')
    (doctor.root / "proc/1/cmdline").unlink()
    (doctor.root / "proc/1").rmdir()
    assert doctor.unchecked() == {"max-pods"}, "no processes are seen"


def test_in_another_network_than_the_daemons(doctor):
    """That nothing of the node's network is here has one cause, and is said once; what that hides is neither well nor broken."""
    elsewhere = {"before": ("unshare", "--net")}
    assert doctor.troubles(**elsewhere) == []
    place, = [finding for finding in doctor.findings(**elsewhere) if finding["check"] == "place"]
    assert "not ipamd's network namespace" in place["found"] and place["remedy"].startswith("nsenter"), place
    shown = doctor.run(**elsewhere)
    assert shown.returncode == 1 and shown.stdout.startswith("unchecked  place ") and len(shown.stdout.splitlines()) < 8, shown.stdout
    assert doctor.unchecked(**elsewhere) == {
        "place", "links", "forwarding", "rp_filter", "eni-sysctls", "pod-sysctls", "redirects", "conntrack", "pod-links", "rules", "other-rules", "eni-routes", "pod-routes",
        "nftables", "guards", "gateway", "addresses", "neighbours", "firewall"}


def test_without_the_daemon(doctor):
    doctor.node.stop()
    assert [finding["check"] for finding in doctor.troubles()] == ["daemon"]
    assert doctor.unchecked() == {"version", "serving", "settings", "warnings", "ec2", "imds", "credentials", "clock", "permissions", "limits", "links", "pod-links",
                                  "rules", "forwarding", "rp_filter", "eni-sysctls", "eni-routes", "pod-routes", "addresses", "neighbours"}
    daemon, = doctor.assert_named("daemon", "fail")
    assert daemon["found"].startswith("it is not running: ") and daemon["remedy"].startswith("kubectl "), daemon
    doctor.write("lib/systemd/system/vpcwire-ipamd.service", "")
    assert doctor.assert_named("daemon", "fail")[0]["remedy"].startswith("systemctl start ")


@pytest.mark.parametrize("database, cause", [("missing", "daemon"), ("garbage", "database")])
def test_a_dead_daemon_and_its_database(doctor, tmp_path, database, cause):
    """One is the cause of the other, so one of them is always shown: ipamd makes a database that is missing, and cannot start with garbage."""
    doctor.node.stop()
    (tmp_path / "garbage").write_bytes(b"this is no database at all")
    shown = doctor.run(db=tmp_path / database)
    assert shown.stdout.startswith(f"fail       {cause} "), shown.stdout


def test_a_daemon_that_hangs_is_not_to_be_started(doctor):
    os.kill(doctor.node.proc.pid, signal.SIGSTOP)
    try:
        daemon, = doctor.assert_named("daemon", "fail")
    finally:
        os.kill(doctor.node.proc.pid, signal.SIGCONT)
    assert daemon["found"].startswith("it is running, but hangs: ") and "start" not in daemon["remedy"].replace("restart", ""), daemon
    doctor.assert_well()


def test_not_by_root(doctor):
    """Who may not look does not say that the node is broken."""
    folder = tempfile.mkdtemp()
    try:
        os.chmod(folder, 0o755)
        program = shutil.copy(doctor.node.build / "bin/ipamctl", folder)
        others = ["setpriv", "--reuid=65534", "--clear-groups"]
        env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_DB": str(doctor.node.db), "VPCWIRE_SOCKET": str(doctor.node.socket)}
        done = doctor.node.exec(*others, program, "doctor", check=False, env=env, cwd="/")
        report = json.loads(doctor.node.exec(*others, program, "--json", "doctor", check=False, env=env, cwd="/").stdout)
    finally:
        shutil.rmtree(folder)
    assert done.stdout.startswith("unchecked  place ") and "sudo ipamctl doctor" in done.stdout.splitlines()[1], done.stdout
    by_check = {finding["check"]: finding["verdict"] for finding in report["checks"]}
    assert {by_check[check] for check in ("place", "daemon", "database", "nftables", "guards", "firewall", "kernel", "serving")} == {"unchecked"}, by_check
    assert {check for check, verdict in by_check.items() if verdict in ("warn", "fail")} <= {"cni-config", "cni-plugin", "networkd", "network-manager", "cloud-tools"}


def test_the_cause_is_shown_and_its_consequences_are_folded(doctor):
    """IMDS away: one thing is wrong, and all else follows from it."""
    well = doctor.node.status()
    with stand_in(doctor.node) as fake:
        probe = fake.answers["Probe"]
        fake.answers["Status"] = {**well, "ready": False, "reason": "credentials: none", "blocked": [{"action": "assign", "subject": "eni-1", "reason": "no credentials", "until_ms": 0}]}
        fake.answers["Probe"] = {**probe, "imds": {**probe["imds"], "reachable": False, "why": "HTTP 403"},
                                 "credentials": {**probe["credentials"], "good": False, "why": "imds: HTTP 403"},
                                 "permissions": [{**row, "result": "unknown", "why": "no credentials"} for row in probe["permissions"]]}
        troubles = doctor.troubles()
        assert {finding["check"]: finding.get("caused_by") for finding in troubles} == {
            "imds": None, "credentials": "imds", "permissions": "imds", "serving": "imds", "ec2": "imds"}
        done = doctor.run()
        assert done.returncode == 4
        lines = done.stdout.splitlines()
        assert [line for line in lines if not line.startswith(" ")][:1] == [lines[0]] and lines[0].startswith("fail       imds "), done.stdout
        assert lines[3].strip() == "also affected: 4 checks, --all shows them", done.stdout
        assert "caused by: imds" in doctor.run("--all").stdout
        # A denied action alone: what EC2 refused then is its consequence, and the credentials are well.
        fake.answers["Probe"] = {**probe, "permissions": [{**row, "result": "denied", "why": "no"} for row in probe["permissions"]]}
        assert {finding["check"]: finding.get("caused_by") for finding in doctor.troubles()} == {"permissions": None, "serving": "permissions", "ec2": "permissions"}
        assert "also affected: 2 checks" in doctor.run().stdout


def test_a_throttled_account_is_not_asked(doctor):
    blocked = {"action": "assign", "subject": "eni-1", "reason": "RequestLimitExceeded", "until_ms": 1, "kind": "assign", "cause": "throttled"}
    with stand_in(doctor.node, blocked=[blocked]) as fake:
        assert doctor.unchecked() == {"imds", "credentials", "clock", "permissions"}
        assert "Probe" not in fake.methods()
        shown = doctor.run().stdout
        assert "unchecked  imds, credentials, clock, permissions  not checked: EC2 throttles" in shown, shown
