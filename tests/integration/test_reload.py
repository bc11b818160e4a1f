# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what the table of settings calls reloadable is in force; of the rest it is said that a restart takes it; what is refused is said, too."""
import json
import signal
import socket
import time

from vpc import netns, patient, wait_until

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
    assert set(not_followed(node)) == {"MAX_ENI", *NEED_A_RESTART}
    now = in_force(node)
    assert {name for name in now if now[name] != at_start[name]} == {"WARM_IP_TARGET", "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS"}
    assert netns.ip(node.add_pod("p").netns, "link", "show", "eth0")[0]["mtu"] == 9001


def test_a_value_in_force_stays_warned_of(make_node):
    """The mended file counts from the next start on."""
    node = make_node("n1", env={"ADDITIONAL_ENI_TAGS": CHANGED["ADDITIONAL_ENI_TAGS"], "MAX_ENI": "0"})
    assert sorted(not_followed(node)) == ["ADDITIONAL_ENI_TAGS", "MAX_ENI"]
    read_again(node, ADDITIONAL_ENI_TAGS="{}", MAX_ENI="2")
    assert set(not_followed(node)) == {"ADDITIONAL_ENI_TAGS"}
    node.restart()
    assert not_followed(node) == []


def test_a_refused_file(node):
    """Nothing of it is taken, and everybody who looks is told until it is mended."""
    conf = str(node.conf)
    assert node.metric("vpcwire_config_reload_success") == 1
    node.conf.write_text("WARM_IP_TARGET=4\nMINIMUM_IP_TARGET=many\n")
    node.proc.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not_followed(node) == [conf], READ_AGAIN_S, why="it is refused")
    (warning,) = [warning for warning in node.status()["warnings"] if warning["subject"] == conf]
    assert f"{conf}:2" in warning["reason"] and "many" in warning["reason"] and "SIGHUP" in warning["reason"]
    assert "warm_ip" not in node.status()["targets"] and node.metric("vpcwire_config_reload_success") == 0
    assert conf in node.web("/v1/node").text
    (event,) = events(node, "reload failed; the old settings stay in force")
    assert event["level"] == "error" and "many" in event["err"]
    read_again(node, WARM_IP_TARGET="4")
    assert not_followed(node) == [] and node.status()["targets"]["warm_ip"] == 4
    assert node.metric("vpcwire_config_reload_success") == 1


def test_names_that_are_no_settings(make_node):
    node = make_node("n1", env={"WARM_IP_TARGETS": "2", "VPCWIRE_MAXPODS": "9"})
    (first, second) = sorted((warning["subject"], warning["reason"]) for warning in node.status()["warnings"])
    assert first[0] == "VPCWIRE_MAXPODS" and "VPCWIRE_MAX_PODS" in first[1]
    assert second[0] == "WARM_IP_TARGETS" and second[1].endswith("did you mean WARM_IP_TARGET?")


def test_the_service_manager_is_told(make_node, tmp_path):
    """By sd_notify(3): READY once it serves, each reload, and the end."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(patient(READ_AGAIN_S))

    def told():
        return dict(line.split("=", 1) for line in manager.recv(4096).decode().splitlines())

    node = make_node("n1", env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert told() == {"READY": "1"}
    read_again(node)
    reloading = told()
    assert reloading.pop("RELOADING") == "1" and 0 < int(reloading.pop("MONOTONIC_USEC")) <= time.monotonic_ns() // 1000 and not reloading
    assert told() == {"READY": "1"}
    node.stop()
    assert told() == {"STOPPING": "1"}
    # A service manager that is gone is no reason not to serve.
    manager.close()
    node.start()
    wait_until(lambda: events(node, "notifying the service manager failed")[-1]["level"] == "warn", READ_AGAIN_S, why="it is said")
