# SPDX-License-Identifier: Apache-2.0
"""aws-vpc-cni's chains in iptables-legacy go when ours stand: those alone, under the lock of iptables, beside others who write there."""
import fcntl
import re
import subprocess

import pytest

from vpc import patient, wait_until
from vpc.aws_cni import USER, VERSIONS, AwsCni
from vpc.kube_proxy import IptablesLegacy

ENV = {"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "2", "IP_COOLDOWN_PERIOD": "1"}
LEGACY = "iptables-legacy"
NOT_YET = "removing aws-vpc-cni's chains from iptables-legacy failed"
REMOVED = "aws-vpc-cni's leftovers in iptables-legacy removed"
OBJECTS = 2 + 2 + 1 + 3  # chains, jumps to them, and the lone rules of nat and mangle
TABLES = "/proc/net/ip_tables_names"
# Before, between and after aws-vpc-cni's: chains, jumps, a rule that decides nothing, extensions with data of their own.
FOREIGN = """
*nat
:PREROUTING ACCEPT [11:1100]
:POSTROUTING ACCEPT [12:1200]
:AAA-FIRST - [0:0]
:AWS-SNATLIKE - [0:0]
:KUBE-SERVICES - [0:0]
[1:100] -A PREROUTING -m comment --comment "AWS, CONNMARK" -j KUBE-SERVICES
[2:200] -A KUBE-SERVICES -d 10.100.0.10/32 -p tcp -m tcp --dport 53 -j DNAT --to-destination 10.0.1.99:53
[3:300] -A KUBE-SERVICES -m limit --limit 3/min
[4:400] -A KUBE-SERVICES -g AAA-FIRST
[5:500] -A AAA-FIRST -m statistic --mode random --probability 0.5 -j RETURN
[6:600] -A AAA-FIRST -j AWS-SNATLIKE
[7:700] -A AWS-SNATLIKE -j MARK --set-xmark 0x4000/0x4000
COMMIT
*mangle
:PREROUTING ACCEPT [13:1300]
[8:800] -A PREROUTING -i cni0 -m comment --comment "AWS, primary ENI" -j MARK --set-xmark 0x1/0x1
COMMIT
"""
AFTER = """
*nat
[9:900] -A PREROUTING -j KUBE-SERVICES
[10:1000] -A POSTROUTING -j MASQUERADE -s 192.0.2.0/24
COMMIT
"""

pytestmark = pytest.mark.world(users=[USER])


def restore(node, text):
    command = ["ip", "netns", "exec", node.netns, "iptables-legacy-restore", "-w", "--noflush", "--counters"]
    subprocess.run(command, input=text, text=True, check=True, timeout=patient(60))


ITS_OWN = re.compile(r"AWS-(SNAT|CONNMARK)-CHAIN-|\"AWS, \w+( ENI)?\" .*-j CONNMARK")


def lines(node):
    return [line for line in node.exec("iptables-legacy-save", "-c").stdout.splitlines() if not line.startswith("#")]


def its_own(node):
    return [line for line in lines(node) if ITS_OWN.search(line)]


def others(node):
    """Rules with their counters; those of policies move with the node's traffic."""
    return [re.sub(r"^(:\w+ \w+) \[.*", r"\1", line) for line in lines(node) if not ITS_OWN.search(line)]


@pytest.fixture(params=VERSIONS)
def version(request):
    """aws-vpc-cni's."""
    return request.param


@pytest.fixture
def old(make_node, tmp_path, version):
    """A t3.small with a pod of aws-vpc-cni, whose chains stand in iptables-legacy among other people's."""
    node = make_node("n1", env={**ENV, "XTABLES_LOCKFILE": str(tmp_path / "xtables.lock")}, start=False)
    missing = IptablesLegacy.missing(node.netns)
    if missing:
        pytest.skip(f"missing here: {missing}")
    restore(node, FOREIGN)
    old = AwsCni(node, tmp_path, version, LEGACY)
    restore(node, AFTER)
    node.env["AWS_VPC_K8S_CNI_BACKING_STORE"] = str(old.checkpoint)
    old.add_addresses(1)
    old.pods = [old.add_pod("web-0", 0)]
    old.write_checkpoint()
    return old


def wait_clean(node):
    wait_until(lambda: its_own(node) == [], 30, why="its chains are gone")


def test_its_chains_go_and_nobody_elses(old):
    node = old.node
    before = others(node)
    assert sum(line.startswith("[") for line in before) == 10 and len(its_own(node)) == 12
    node.start()
    wait_until(lambda: REMOVED in node.proc.text(), 30, why="they are removed")
    assert f'"objects":{OBJECTS}' in next(line for line in node.proc.text().splitlines() if REMOVED in line)
    wait_clean(node)
    assert others(node) == before
    node.exec(LEGACY, "-w", "-t", "nat", "-A", "KUBE-SERVICES", "-j", "AAA-FIRST")  # the table is one that iptables can go on with
    node.exec(LEGACY, "-w", "-t", "nat", "-D", "KUBE-SERVICES", "-j", "AAA-FIRST")
    assert others(node) == before
    old.start_again()
    node.restart()  # it ran here in between
    wait_clean(node)
    assert others(node) == before


def test_the_lock_is_waited_for(old):
    """Who holds it is not disturbed, pods are served meanwhile, and it is said once."""
    node = old.node
    before = [line.split("] ")[-1] for line in its_own(node)]
    with open(node.env["XTABLES_LOCKFILE"], "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        node.start()
        wait_until(lambda: NOT_YET in node.proc.text(), 30, why="it is reported")
        assert "another program has the lock of iptables " + node.env["XTABLES_LOCKFILE"] in node.proc.text()
        wait_until(lambda: len(node.leases()) == 1, 30, why="taken over all the same")
        node.add_pod("new").delete()
        assert [line.split("] ")[-1] for line in its_own(node)] == before
    wait_clean(node)
    assert node.proc.text().count(NOT_YET) == 1


def test_a_lock_that_cannot_be_opened(old):
    node = old.node
    before = [line.split("] ")[-1] for line in its_own(node)]
    node.env["XTABLES_LOCKFILE"] = "/nonexistent/xtables.lock"
    node.start()
    wait_until(lambda: "open the lock of iptables /nonexistent/xtables.lock: No such file or directory" in node.proc.text(), 30, why="it is reported")
    node.add_pod("new").delete()
    assert [line.split("] ")[-1] for line in its_own(node)] == before


def test_beside_others_who_write(old):
    """As kube-proxy does at the same time: each keeps what it wrote."""
    node, rules = old.node, 60
    script = "for i in $(seq 60); do iptables-legacy -w -t nat -A KUBE-SERVICES -d 10.100.1.$i -j RETURN || exit 1; done"
    command = ["ip", "netns", "exec", node.netns, "env", f"XTABLES_LOCKFILE={node.env['XTABLES_LOCKFILE']}", "sh", "-c", script]
    with subprocess.Popen(command) as writer:
        node.start()
        wait_clean(node)
        assert writer.wait(patient(60)) == 0
    assert len([line for line in others(node) if "10.100.1." in line]) == rules


def test_no_table_is_made(make_node, tmp_path, version):
    """Where iptables-legacy is not in use it stays so: looking loads nothing, and no lock is asked for."""
    node = make_node("n1", env={**ENV, "XTABLES_LOCKFILE": "/nonexistent/xtables.lock"}, start=False)
    old = AwsCni(node, tmp_path, version)
    node.env["AWS_VPC_K8S_CNI_BACKING_STORE"] = str(old.checkpoint)
    old.write_checkpoint()  # of a node on which no pod ran
    assert node.exec("cat", TABLES).stdout == ""
    node.start()
    wait_until(lambda: old.left() == ([], [], []), 30, why="it is tidy")
    assert node.exec("cat", TABLES).stdout == "" and NOT_YET not in node.proc.text()
