# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what the table of settings calls reloadable is in force, and of the rest neither the value nor what is said about it."""
import json
import signal

from vpc import netns, wait_until

READ_AGAIN_S = 10

CHANGED = {
    "WARM_IP_TARGET": "3",
    "MAX_ENI": "0",
    "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS": "198.51.100.0/24",
    "AWS_VPC_K8S_CNI_CONNMARK": "0x40",
    "ADDITIONAL_ENI_TAGS": '{"team": "a", "k8s.amazonaws.com/a": "b"}',
    "AWS_VPC_ENI_MTU": "1500",
    "POD_MTU": "1400",
}
NEED_A_RESTART = {"AWS_VPC_K8S_CNI_CONNMARK", "ADDITIONAL_ENI_TAGS", "AWS_VPC_ENI_MTU", "POD_MTU"}


def events(node, msg):
    return [line for line in map(json.loads, node.log.read_text().splitlines()) if line["msg"] == msg]


def read_again(node, **settings):
    before = len(events(node, "settings reloaded"))
    node.conf.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    node.proc.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(events(node, "settings reloaded")) > before, READ_AGAIN_S, why="the settings are read again")


def not_followed(node):
    return [warning["subject"] for warning in node.status()["warnings"] if warning.get("setting")]


def in_force(node):
    return {**json.loads(node.web("/v1/networkutils-env-settings").text), **json.loads(node.web("/v1/ipamd-env-settings").text)}


def test_only_what_is_reloadable_is_taken(node):
    at_start = in_force(node)
    read_again(node, **CHANGED)
    assert {event["setting"] for event in events(node, "changed setting needs a restart")} == NEED_A_RESTART
    assert node.status()["targets"]["warm_ip"] == 3 and node.status()["connmark"] == 0x80
    assert not_followed(node) == ["MAX_ENI"]
    now = in_force(node)
    assert {name for name in now if now[name] != at_start[name]} == {"WARM_IP_TARGET", "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS"}
    assert netns.ip(node.add_pod("p").netns, "link", "show", "eth0")[0]["mtu"] == 9001


def test_a_value_in_force_stays_warned_of(make_node):
    """The mended file counts from the next start on."""
    node = make_node("n1", env={"ADDITIONAL_ENI_TAGS": CHANGED["ADDITIONAL_ENI_TAGS"], "MAX_ENI": "0"})
    assert sorted(not_followed(node)) == ["ADDITIONAL_ENI_TAGS", "MAX_ENI"]
    read_again(node, ADDITIONAL_ENI_TAGS="{}", MAX_ENI="2")
    assert not_followed(node) == ["ADDITIONAL_ENI_TAGS"]
    node.restart()
    assert not_followed(node) == []
