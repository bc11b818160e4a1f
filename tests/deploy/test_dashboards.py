# SPDX-License-Identifier: Apache-2.0
"""Dashboard and alerts ask for metrics, labels and values that the daemon has, and for nothing else."""
import json
import re
import sys

import pytest
import yaml

from conftest import BUILD, TOP, run
from test_alerts import NODES, WELL, series_of

FOLDER = TOP / "deploy/dashboards"
sys.path.insert(0, str(FOLDER))

import make  # noqa: E402

ADDED = {"instance", "le", "cluster"}  # by Prometheus, and by who has several clusters in one
# Metrics whose labels' values are known at run time only: in no table.
AT_RUN_TIME = {
    "vpcwire_node_info": ["node", "instance_id", "instance_type", "availability_zone", "version"],
    "vpcwire_subnet_available_addresses": ["subnet_id"],
    "vpcwire_subnet_age_seconds": ["subnet_id"],
}
SUFFIXES = ("_bucket", "_count", "_sum")
MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"')


def metrics():
    """Name -> label -> values, of the daemon's own table."""
    table = json.loads(run(BUILD / "bin/metrics_list"))
    assert len(table) > 30
    written = (TOP / "ipamd/http/metrics.c").read_text()
    for name, labels in AT_RUN_TIME.items():
        assert name not in table and all(f'"{word}"' in written for word in (name, *labels)), name
    return table | {name: dict.fromkeys(labels) for name, labels in AT_RUN_TIME.items()}


def dashboard_queries():
    board = json.loads((FOLDER / "vpcwire.json").read_text())
    return [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", [])]


def alert_rules():
    (group,) = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return group["rules"]


QUERIES = dashboard_queries() + [(rule["alert"], rule["expr"]) for rule in alert_rules()]


@pytest.mark.parametrize("expr", [expr for _, expr in QUERIES], ids=[title for title, _ in QUERIES])
def test_a_query_asks_for_what_there_is(expr):
    table = metrics()
    used = re.findall(r"\b((?:awscni|vpcwire)_\w+)(?:\{([^}]*)\})?", expr)
    assert used, expr
    labels = set()
    for name, selectors in used:
        base = name if name in table else next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s)), name)
        assert base in table, f"{name} is no metric of ipamd"
        labels |= set(table[base])
        for label, operator, value in MATCHER.findall(selectors):
            assert label in ADDED | set(table[base]), (name, label)
            if label not in ADDED and operator in ("=", "!=") and table[base][label] is not None:
                assert value in table[base][label], (name, label, value)
    for grouped in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr):
        assert set(re.findall(r"\w+", grouped)) <= labels | ADDED, (expr, grouped)


def test_the_page_has_words_for_each_cause():
    words = re.search(r"const CAUSES = \{(.*?)\};", (TOP / "ipamd/http/page/pool.js").read_text(), re.S).group(1)
    assert set(re.findall(r'^\s*"?([\w-]+)"?: "', words, re.M)) == set(metrics()["vpcwire_pool_missing_addresses"]["reason"])


def test_the_dashboard_is_fresh():
    assert (FOLDER / "vpcwire.json").read_text() == run(sys.executable, FOLDER / "make.py"), "make.py > vpcwire.json"


def test_the_alerts_are_rules_for_prometheus():
    assert "SUCCESS" in run("promtool", "check", "rules", FOLDER / "alerts.yaml")
    for rule in alert_rules():
        assert {"summary", "description"} <= set(rule["annotations"]) and rule["labels"]["severity"] in ("info", "warning", "critical")
        expr_labels = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        groups = [re.search(r"\bby \(([^)]*)\)", rule["expr"])[1], *re.findall(r"group_left \(([^)]*)\)", rule["expr"])]
        assert expr_labels <= set(re.findall(r"\w+", " ".join(groups))), rule["alert"]


def test_each_panel_says_what_it_shows():
    board = json.loads((FOLDER / "vpcwire.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert all(len(panel["description"]) > 20 and panel["targets"] for panel in panels)
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "cluster", "node"]
    assert "ALERTS" in board["annotations"]["list"][0]["expr"]
    places = {(x, y) for panel in board["panels"] for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
              for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])}
    assert len(places) == sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in board["panels"]), "two panels in one place"


def test_the_dashboard_in_a_night(tmp_path):
    """Two nodes, one with a pod that waits and an action that is denied: what the tiles and the table say."""
    first = {"vpcwire_waiting_requests": [2], "vpcwire_ec2_denied{action='CreateNetworkInterface'}": [1], "awscni_assigned_ip_addresses": [27],
             "vpcwire_pool_missing_addresses{reason='eni-limit'}": [9], "vpcwire_blocked{step='create'}": [1]}
    series = []
    for instance, node in NODES.items():
        metrics = {**{metric: minutes[:1] for metric, minutes in WELL.items()}, **(first if node == "n1" else {})}
        series += [series_of(metric, minutes, instance=instance) for metric, minutes in metrics.items()]
        series.append(series_of(f"vpcwire_node_info{{node='{node}', instance_type='t3.small'}}", [1], instance=instance))
    expected = {
        "Nodes": [("", 2)], "Not ready": [("", 0)], "Down": [("", 0)], "Pods waiting": [("", 2)], "Affected": [("", 0)], "Denied": [("", 1)],
        "facts": [("node='n1', instance_type='t3.small'", 1), ("node='n2', instance_type='t3.small'", 1)],
        "Ready": [("node='n1'", 1), ("node='n2'", 1)], "Used": [("node='n1'", 27), ("node='n2'", 11)],
        "Limit": [("node='n1'", 27), ("node='n2'", 27)], "Used %": [("node='n1'", 100), ("node='n2'", 100 * 11 / 27)],
        "Waiting": [("node='n1'", 2), ("node='n2'", 0)], "missing": [("node='n1', reason='eni-limit'", 9)], "blocked": [("node='n1', step='create'", 1)],
    }
    queries = {**{title: query for title, _, query, _ in make.TILES}, **dict(make.TABLE)}
    assert queries.keys() == expected.keys()
    every = [query.replace("$cluster", ".*").replace("$node", ".*") for _, query in dashboard_queries()]
    file = tmp_path / "night.yaml"
    file.write_text(json.dumps({"evaluation_interval": "1m", "tests": [{
        "interval": "1m", "input_series": series, "promql_expr_test": [
            {"expr": queries[name].replace("$cluster", ".*").replace("$node", ".*"), "eval_time": "0m",
             "exp_samples": [{"labels": "{" + labels.replace("'", '"') + "}", "value": value} for labels, value in samples]}
            for name, samples in expected.items()
        ] + [{"expr": f"0 * (count({query}) or vector(0))", "eval_time": "0m", "exp_samples": [{"labels": "{}", "value": 0}]} for query in every],
    }]}))
    run("promtool", "test", "rules", file)  # whose expressions fail where two series have the same labels
