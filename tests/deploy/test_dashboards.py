# SPDX-License-Identifier: Apache-2.0
"""Dashboard and alerts ask for metrics, labels and values that the daemon has, and for nothing else."""
import json
import re
import sys

import pytest
import yaml

from conftest import BUILD, TOP, run

FOLDER = TOP / "deploy/dashboards"
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
    words = re.search(r"const CAUSES = \{(.*?)\};", (TOP / "ipamd/http/page/health.js").read_text(), re.S).group(1)
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
