# SPDX-License-Identifier: Apache-2.0
"""aws-vpc-cni's settings on our daemon: none is passed over in silence. What would place pods wrongly stops the start, what else
we do not do is reported in the log, by status, by doctor and as an Event, and what aws-vpc-cni skips we skip, too."""
import json

import pytest

from test_doctor import Doctor
from test_events import EVENT_S, account, cluster  # noqa: F401 (a fixture)
from vpc import wait_until

# Pods would get addresses of another subnet, family or ENI, other groups, or EC2 calls would be made that were switched off.
STOPS = {
    "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "true",
    "ENABLE_POD_ENI": "T",
    "ENABLE_IPv6": "1",
    "ENABLE_IPv4": "false",
    "ENABLE_MULTI_NIC": "true",
    "DISABLE_NETWORK_RESOURCE_PROVISIONING": "True",
    "ENABLE_IMDS_ONLY_MODE": "true",
}
# As in aws-vpc-cni's manifest, with nothing switched on.
MANIFEST = {
    "ADDITIONAL_ENI_TAGS": "{}",
    "ANNOTATE_POD_IP": "false",
    "AWS_VPC_CNI_NODE_PORT_SUPPORT": "true",
    "AWS_VPC_ENI_MTU": "9001",
    "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "false",
    "AWS_VPC_K8S_CNI_EXTERNALSNAT": "false",
    "AWS_VPC_K8S_CNI_LOGLEVEL": "DEBUG",
    "AWS_VPC_K8S_CNI_LOG_FILE": "/host/var/log/aws-routed-eni/ipamd.log",
    "AWS_VPC_K8S_CNI_RANDOMIZESNAT": "prng",
    "AWS_VPC_K8S_CNI_VETHPREFIX": "eni",
    "AWS_VPC_K8S_PLUGIN_LOG_FILE": "/var/log/aws-routed-eni/plugin.log",
    "AWS_VPC_K8S_PLUGIN_LOG_LEVEL": "DEBUG",
    "DISABLE_INTROSPECTION": "false",
    "DISABLE_LEAKED_ENI_CLEANUP": "false",
    "DISABLE_METRICS": "false",
    "DISABLE_NETWORK_RESOURCE_PROVISIONING": "false",
    "DISABLE_POD_V6": "false",
    "ENABLE_BANDWIDTH_PLUGIN": "false",
    "ENABLE_IMDS_ONLY_MODE": "false",
    "ENABLE_IPv4": "true",
    "ENABLE_IPv6": "false",
    "ENABLE_MULTI_NIC": "false",
    "ENABLE_POD_ENI": "false",
    "ENABLE_PREFIX_DELEGATION": "false",
    "ENABLE_SUBNET_DISCOVERY": "true",
    "NETWORK_POLICY_ENFORCING_MODE": "standard",
    "VPC_CNI_VERSION": "v1.23.1",
    "WARM_ENI_TARGET": "1",
    "WARM_PREFIX_TARGET": "1",
}


def said(node):
    return {warning["subject"]: warning["reason"] for warning in node.status()["warnings"]}


@pytest.mark.parametrize("name", STOPS)
@pytest.mark.parametrize("source", ["environment", "conf"])
def test_pods_would_be_placed_wrongly(make_node, name, source):
    node = make_node("n1", start=False)
    if source == "environment":
        text = node.refused_start(**{name: STOPS[name]})
    else:
        node.conf.write_text(f"{name}={STOPS[name]}\n")
        text = node.refused_start()
        assert str(node.conf) in text
    assert name in text and f"'{STOPS[name]}'" in text and "is not supported" in text and "allowed" in text, text
    assert not node.db.exists() and not node.socket.exists(), "left behind"


def test_the_nodes_file_takes_it_back(make_node):
    node = make_node("n1", start=False, env={"ENABLE_POD_ENI": "true"})
    node.conf.write_text("ENABLE_POD_ENI=false\n")
    node.start()
    assert said(node) == {}


def test_the_manifest_of_aws_vpc_cni(make_node):
    """All its settings with their usual values: no warning, no refusal."""
    node = make_node("n1", start=False, env=MANIFEST)
    node.start()
    assert said(node) == {}
    assert node.add_pod("p").address


def test_what_is_not_done_is_reported_everywhere(make_node, account, tmp_path):  # noqa: F811
    env = {"ENABLE_PREFIX_DELEGATION": "true", "NETWORK_POLICY_ENFORCING_MODE": "strict", "ANNOTATE_POD_IP": "true"}
    with cluster(make_node, account, env=env) as (node, api):
        warnings = said(node)
        assert set(warnings) == set(env)
        for name, value in env.items():
            assert value in warnings[name] and "is not supported" in warnings[name]
            assert name in node.log.read_text()
        found = Doctor(node, tmp_path / "host").assert_named("settings", "warn")
        assert {check["verdict"] for check in found} == {"warn"} and len(found) == len(env)
        assert all(any(name in check["found"] for check in found) for name in env)
        wait_until(lambda: len(api.of("SettingNotFollowed")) == len(env), EVENT_S, why="each is reported once")
        assert {event["message"].split(":")[0] for event in api.of("SettingNotFollowed")} == set(env)
        assert node.add_pod("p").address


def test_settings_have_aws_vpc_cnis_types(node):
    """What reads its /v1/...-env-settings reads ours."""
    assert json.loads(node.web("/v1/networkutils-env-settings").text) == {
        "AWS_EXTERNAL_SERVICE_CIDRS": None,
        "AWS_VPC_CNI_NODE_PORT_SUPPORT": True,
        "AWS_VPC_ENI_MTU": 9001,
        "AWS_VPC_K8S_CNI_CONNMARK": 0x80,
        "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS": None,
        "AWS_VPC_K8S_CNI_EXTERNALSNAT": False,
        "AWS_VPC_K8S_CNI_RANDOMIZESNAT": 2,
        "AWS_VPC_K8S_CNI_VETHPREFIX": "eni",
    }
    ipamd = json.loads(node.web("/v1/ipamd-env-settings").text)
    theirs = {
        "WARM_ENI_TARGET": 1,
        "WARM_IP_TARGET": 0,
        "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": False,
        "AWS_MANAGE_ENIS_NON_SCHEDULABLE": True,
        "ENABLE_SUBNET_DISCOVERY": True,
    }
    assert {name: ipamd[name] for name in theirs} == theirs


# name, value, and what is left of it: aws-vpc-cni goes on without a word, or with one in its log.
SKIPPED = [
    ("MAX_ENI", "0", "'0'"),
    ("MAX_ENI", "-1", "'-1'"),
    ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "10.8.0.0/16,", "''"),
    ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "fd00::/8,10.8.0.0/16", "'fd00::/8'"),
    ("AWS_EXTERNAL_SERVICE_CIDRS", "10.8.0.0/16,192.0.2.1", "'192.0.2.1'"),
    ("AWS_VPC_K8S_CNI_RANDOMIZESNAT", "PRNG", "'PRNG'"),
]


@pytest.mark.parametrize("name, value, quoted", SKIPPED)
def test_what_aws_vpc_cni_skips(make_node, name, value, quoted):
    node = make_node("n1", start=False, env={name: value})
    node.start()
    assert list(said(node)) == [name] and quoted in said(node)[name]
    if "CIDRS" in name:
        assert json.loads(node.web("/v1/networkutils-env-settings").text)[name] == ["10.8.0.0/16"]
    assert node.add_pod("p").address
