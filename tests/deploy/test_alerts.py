# SPDX-License-Identifier: Apache-2.0
"""The alerts through nights that happen, minute by minute (promtool test rules): what fires, and that nothing else does."""
import json

import yaml

from conftest import TOP, run

ALERTS = TOP / "deploy/dashboards/alerts.yaml"
MINUTES = 300
ONE, TWO = "10.0.0.1:61678", "10.0.0.2:61678"
NODES = {ONE: "n1", TWO: "n2"}


def always(number):
    return [number] * MINUTES


def until(minute, number, then):
    return [number] * minute + [then] * (MINUTES - minute)


def rising(per_minute, since=0):
    """A counter."""
    return [int(max(0, minute - since) * per_minute) for minute in range(MINUTES)]


GONE = "_"  # no sample: the target is away, or says it no more

# A node that is well, by metric and labels beside the instance.
WELL = {
    "up{job='aws-node'}": always(1),
    "vpcwire_ready": always(1),
    "vpcwire_impaired": always(0),
    "vpcwire_waiting_requests": always(0),
    "awscni_no_available_ip_addresses": always(3),
    "vpcwire_ec2_denied{action='CreateNetworkInterface'}": always(0),
    "vpcwire_ec2_denied{action='AttachNetworkInterface'}": always(0),
    "vpcwire_ec2_throttles_total": always(0),
    "vpcwire_ec2_calls_total{action='DescribeNetworkInterfaces',class='ok'}": rising(1),
    "vpcwire_ec2_sync_age_seconds": always(900),
    "vpcwire_credentials_failing": always(0),
    "vpcwire_subnet_available_addresses{subnet_id='subnet-1'}": always(200),
    "vpcwire_subnet_age_seconds{subnet_id='subnet-1'}": always(900),
    "vpcwire_enis_stuck{state='attaching'}": always(0),
    "vpcwire_host_network_repairs_total{object='rules'}": always(12),
    "vpcwire_host_network_repairs_total{object='nft'}": always(4),
    "vpcwire_actions_total{action='resync'}": rising(1 / 30),
    "awscni_eni_max": always(3),
    "awscni_ip_max": always(27),
    "vpcwire_addresses_limit": always(27),
    "awscni_assigned_ip_addresses": always(11),
}

# Series that only nights have: of a node that is well nothing is counted under these labels.
RARE = {
    "vpcwire_ec2_calls_total{action='CreateNetworkInterface',class='throttled'}",
    "vpcwire_ec2_calls_total{action='CreateNetworkInterface',class='ok'}",
    "vpcwire_actions_total{action='attach'}",
    "vpcwire_actions_total{action='create'}",
}

# name: ({metric: minutes} of the first node, {metric: minutes} of the whole world, {minute: {alert: node or ""}})
NIGHTS = {
    "a quiet one": ({}, {}, {10: {}, 299: {}}),
    "a full node, whose runtime pauses between two tries": (
        {"vpcwire_waiting_requests": [minute % 3 == 0 and minute > 20 for minute in range(MINUTES)],
         "awscni_no_available_ip_addresses": rising(1 / 3, since=20)},
        {}, {20: {}, 40: {"VpcwireNoAddress": "n1"}, 299: {"VpcwireNoAddress": "n1"}}),
    "a full node, whose pods wait long": (
        {"vpcwire_waiting_requests": [2 if 20 < minute < 60 else 0 for minute in range(MINUTES)]},
        {}, {22: {}, 40: {"VpcwireNoAddress": "n1"}, 80: {}}),
    "one pod that was refused": ({"awscni_no_available_ip_addresses": until(20, 3, then=4)}, {}, {minute: {} for minute in range(18, 40)}),
    "pods that wait for an ENI that comes": (
        {"vpcwire_waiting_requests": [minute % 2 for minute in range(MINUTES)]}, {}, {minute: {} for minute in range(10, 60, 3)}),
    "a daemon that died": ({**{metric: until(20, minutes[0], then=GONE) for metric, minutes in WELL.items()}, "up{job='aws-node'}": until(20, 1, then=0)},
                           {}, {19: {}, 24: {}, 40: {"VpcwireDown": "n1"}, 299: {"VpcwireDown": "n1"}}),
    "a pod that is away, and its node is not": (
        {metric: until(20, minutes[0], then=GONE) for metric, minutes in WELL.items()},
        {"kube_node_info{node='n1'}": always(1), "kube_node_info{node='n2'}": always(1)}, {19: {}, 40: {"VpcwireDown": "n1"}, 299: {"VpcwireDown": "n1"}}),
    "a node that was taken away": (
        {metric: until(20, minutes[0], then=GONE) for metric, minutes in WELL.items()},
        {"kube_node_info{node='n1'}": until(20, 1, then=GONE), "kube_node_info{node='n2'}": always(1)}, {40: {}, 299: {}}),
    "a node that went back to aws-vpc-cni": (
        {metric: until(20, minutes[0], then=GONE) for metric, minutes in WELL.items() if not metric.startswith("up")},
        {"kube_node_info{node='n1'}": always(1)}, {40: {}, 299: {}}),
    "a rollout": ({metric: [GONE if 20 <= minute < 23 else minutes[0] for minute in range(MINUTES)] for metric, minutes in WELL.items()},
                  {"kube_node_info{node='n1'}": always(1)}, {minute: {} for minute in range(19, 40)}),
    "a daemon that cannot serve": ({"vpcwire_ready": until(20, 1, then=0)}, {}, {24: {}, 40: {"VpcwireNotReady": "n1"}}),
    "running pods that are affected": ({"vpcwire_impaired": until(20, 0, then=1)}, {}, {40: {"VpcwireImpaired": "n1"}}),
    "a permission that is missing": ({"vpcwire_ec2_denied{action='CreateNetworkInterface'}": until(20, 0, then=1)}, {}, {24: {}, 40: {"VpcwireDenied": ""}}),
    "a throttled account": (
        {"vpcwire_ec2_throttles_total": rising(3, since=20), "vpcwire_ec2_calls_total{action='CreateNetworkInterface',class='throttled'}": rising(3, since=20)},
        {}, {20: {}, 60: {"VpcwireThrottled": ""}}),
    "a large cluster, of whose calls some are refused": (
        {"vpcwire_ec2_throttles_total": rising(60), "vpcwire_ec2_calls_total{action='CreateNetworkInterface',class='ok'}": rising(600)}, {}, {60: {}, 299: {}}),
    "a few refused calls of a small one": (
        {"vpcwire_ec2_throttles_total": [min(max(0, minute - 20), 12) for minute in range(MINUTES)]}, {}, {minute: {} for minute in range(20, 70, 5)}),
    "a subnet that is nearly full": (
        {"vpcwire_subnet_available_addresses{subnet_id='subnet-1'}": until(20, 200, then=15)}, {}, {34: {}, 60: {"VpcwireSubnetNearlyFull": ""}}),
    "a subnet with room for some ENIs": ({"vpcwire_subnet_available_addresses{subnet_id='subnet-1'}": always(25)}, {}, {60: {}}),
    "an old count of a subnet": (
        {"vpcwire_subnet_available_addresses{subnet_id='subnet-1'}": always(5), "vpcwire_subnet_age_seconds{subnet_id='subnet-1'}": always(9000)}, {}, {60: {}}),
    "a node that is nearly full": ({"awscni_assigned_ip_addresses": until(20, 11, then=25)}, {}, {40: {}, 60: {"VpcwireNodesNearlyFull": ""}}),
    "a node that has all the pods that it may have": (
        {"awscni_assigned_ip_addresses": always(20), "vpcwire_addresses_limit": always(20)}, {}, {60: {}}),
    "credentials that are not renewed": ({"vpcwire_credentials_failing": until(20, 0, then=1)}, {}, {28: {}, 40: {"VpcwireCredentialsFailing": ""}}),
    "credentials that are renewed at the second try": ({"vpcwire_credentials_failing": [20 < minute < 26 for minute in range(MINUTES)]}, {}, {28: {}, 40: {}}),
    "EC2 out of reach": ({"vpcwire_ec2_sync_age_seconds": [60 * minute for minute in range(MINUTES)]}, {}, {170: {}, 200: {"VpcwireEc2SyncOld": ""}}),
    "an ENI that hangs": ({"vpcwire_enis_stuck{state='attaching'}": until(20, 0, then=1)}, {}, {30: {}, 40: {"VpcwireEniStuck": "n1"}}),
    "somebody who deletes our rules every ten seconds": (
        {"vpcwire_host_network_repairs_total{object='rules'}": rising(6, since=20)}, {}, {30: {}, 60: {"VpcwireRepairLoop": "n1"}}),
    "ENIs that come and go": (
        {"vpcwire_host_network_repairs_total{object='rules'}": rising(14), "vpcwire_actions_total{action='attach'}": rising(1),
         "vpcwire_actions_total{action='create'}": rising(1)}, {}, {60: {}, 200: {}}),
}


def series_of(metric, minutes, **labels):
    """An entry of promtool's input. A sample that is not there any more is stale, as after a scrape that does not show it."""
    name, _, inside = metric.rstrip("}").partition("{")
    more = [f"{label}='{value}'" for label, value in labels.items()]
    values = ["stale" if minutes[i] == GONE != minutes[i - 1] else str(int(minutes[i]) if minutes[i] != GONE else GONE) for i in range(len(minutes))]
    return {"series": f"{name}{{{', '.join(([inside] if inside else []) + more)}}}", "values": " ".join(values)}


def test_each_night(tmp_path):
    tests = []
    for name, (first, world, expected) in NIGHTS.items():
        series = [series_of(metric, minutes) for metric, minutes in world.items()]
        for instance, node in NODES.items():
            metrics = {**WELL, **(first if instance == ONE else {})}
            series += [series_of(metric, minutes, instance=instance) for metric, minutes in metrics.items()]
            series.append(series_of(f"vpcwire_node_info{{node='{node}'}}", [GONE if n == GONE else 1 for n in metrics["vpcwire_ready"]], instance=instance))
        tests.append({
            "name": name, "interval": "1m", "input_series": series,
            "promql_expr_test": [{
                "expr": "sum by (alertname, node) (ALERTS{alertstate='firing'})",
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": f'{{alertname="{alert}"{node and f""", node="{node}" """}}}', "value": 1} for alert, node in fires.items()],
            } for minute, fires in expected.items()],
        })
    file = tmp_path / "nights.yaml"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    run("promtool", "test", "rules", file)


def test_each_alert_fires_in_a_night():
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    fired = {alert for _, _, expected in NIGHTS.values() for fires in expected.values() for alert in fires}
    assert fired == {rule["alert"] for rule in group["rules"]}


def test_nights_change_what_there_is():
    """A slip in a name or a label would be one more series, which is no night."""
    changed = {metric for first, _, _ in NIGHTS.values() for metric in first}
    assert changed - set(WELL) == RARE
