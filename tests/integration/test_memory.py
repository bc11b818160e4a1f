# SPDX-License-Identifier: Apache-2.0
"""The memory that the manifest gives the daemon: what it asks for on the largest node, its limit also with 8,000 Services of kube-proxy."""
import pathlib
import re
import subprocess

import pytest
import yaml

from vpc import wait_until
from vpc.process import RELEASE_BUILD
from vpc.simulator import SUBNET_A, SUBNET_B

TOP = pathlib.Path(__file__).parents[2]
LEASES = 735  # an m5.24xlarge's 15 x 49 addresses
SERVICES = 8000
SUBNETS = [{"id": SUBNET_A, "cidr": "10.0.16.0/20", "zone": "us-east-1a"}, {"id": SUBNET_B, "cidr": "10.0.2.0/24", "zone": "us-east-1b"}]


def manifest_bytes():
    """What the daemon's container asks for, and may have at most."""
    spec = yaml.safe_load((TOP / "deploy/kubernetes/daemonset.yaml").read_text())["spec"]["template"]["spec"]
    resources = spec["containers"][0]["resources"]
    return tuple(int(resources[key]["memory"].removesuffix("Mi")) << 20 for key in ("requests", "limits"))


def resident_bytes(node, key):
    status = pathlib.Path(f"/proc/{node.proc.pid}/status").read_text()
    return int(re.search(rf"^{key}:\s+(\d+) kB", status, re.M)[1]) << 10


def write_services(node):
    """kube-proxy's two chains and five rules per Service, and aws-vpc-cni's beside them, in iptables-nft."""
    lines = ["*nat", ":KUBE-SERVICES - [0:0]", ":KUBE-MARK-MASQ - [0:0]", ":AWS-SNAT-CHAIN-0 - [0:0]", "-A POSTROUTING -j AWS-SNAT-CHAIN-0"]
    lines += [f":KUBE-{kind}-{i:013} - [0:0]" for kind in ("SVC", "SEP") for i in range(SERVICES)]
    for i in range(SERVICES):
        service, endpoint = f"KUBE-SVC-{i:013}", f"KUBE-SEP-{i:013}"
        to = f"-d 172.20.{i // 250}.{i % 250 + 1}/32 -p tcp -m tcp --dport 80"
        cluster_ip, pod = (f'-m comment --comment "default/service-{i}:main {what}"' for what in ("cluster IP", "-> 10.0.16.9:80"))
        lines += [
            f"-A KUBE-SERVICES {to} {cluster_ip} -j {service}",
            f"-A {service} ! -s 10.0.0.0/16 {to} {cluster_ip} -j KUBE-MARK-MASQ",
            f"-A {service} {pod} -j {endpoint}",
            f"-A {endpoint} -s 10.0.16.9/32 {pod} -j KUBE-MARK-MASQ",
            f"-A {endpoint} -p tcp {pod} -m tcp -j DNAT --to-destination 10.0.16.9:80",
        ]
    text = "\n".join([*lines, "COMMIT", ""])
    command = ["ip", "netns", "exec", node.netns, "iptables-nft-restore", "--noflush"]
    subprocess.run(command, input=text, text=True, check=True, timeout=300)


def serve_much(node):
    with node.connect() as connection:
        for i in range(LEASES):
            connection.call("Add", {"network": "vpcwire", "container_id": f"{i:064}", "ifname": "eth0", "pod_namespace": "default",
                                    "pod_name": f"web-{i}", "timeout_ms": 60000})
    for path in ("/v1/pods", "/v1/enis", "/"):
        assert node.web(path).status == 200
    assert len(node.metrics()) > 100 and len(node.leases()) == LEASES


@pytest.mark.world(subnets=SUBNETS)
def test_requests_and_limits_fit(make_node, tmp_path):
    request, limit = manifest_bytes()
    checkpoint = tmp_path / "ipam.json"
    checkpoint.write_text('{"version":"vpc-cni-ipam/1","allocations":[]}\n')
    env = {"WARM_IP_TARGET": str(LEASES), "AWS_VPC_K8S_CNI_BACKING_STORE": str(checkpoint), "VPCWIRE_ORPHAN_GRACE_PERIOD": "3600"}
    node = make_node("n1", instance_type="m5.24xlarge", env=env, build=RELEASE_BUILD)
    wait_until(lambda: node.pool()["free"] >= LEASES, 120, why="the whole pool")
    serve_much(node)
    assert resident_bytes(node, "RssAnon") < request
    node.stop()
    write_services(node)
    node.start()
    wait_until(lambda: "aws-vpc-cni's leftovers in the kernel removed" in node.proc.text(), 120, why="its chains are looked for")
    assert len(node.leases()) == LEASES
    assert resident_bytes(node, "VmHWM") < limit
    for i in range(LEASES):
        node.call("Del", network="vpcwire", container_id=f"{i:064}", ifname="eth0")
