# SPDX-License-Identifier: Apache-2.0
"""Writes vpcwire.json, the Grafana dashboard: a list of rows here, Grafana's many lines there. make.py > vpcwire.json"""
import json
import sys

WIDTH, HEIGHT = 8, 8
NODE = '{instance=~"$node"}'


def of(labels):
    """Selectors of a metric: the chosen nodes, and these."""
    return '{instance=~"$node", ' + labels + "}"


# title, unit, stacked, [(query, legend)]
PANELS = [
    ("Nodes that can serve an ADD", "short", False, [(f"sum(vpcwire_ready{NODE})", "ready"), (f"count(vpcwire_ready{NODE})", "all")]),
    ("Nodes whose running pods are hurt", "short", False, [(f"sum(vpcwire_impaired{NODE})", "impaired")]),
    ("Addresses by state", "short", True, [(f"sum by (state) (vpcwire_addresses{NODE})", "{{state}}")]),
    ("Pool: target and what is missing to it", "short", False, [
        (f"sum(vpcwire_pool_target_addresses{NODE})", "target"),
        (f"sum(awscni_total_ip_addresses{NODE})", "there"),
        (f"sum by (reason) (vpcwire_pool_missing_addresses{NODE})", "missing: {{reason}}"),
    ]),
    ("ADDs that wait, and ADDs without an address", "short", False, [
        (f"sum(vpcwire_waiting_requests{NODE})", "waiting"),
        (f"sum(increase(awscni_no_available_ip_addresses{NODE}[5m]))", "none in 5 min"),
    ]),
    ("Time of ADD, 50th and 99th percentile", "s", False, [
        ("histogram_quantile(0.5, sum by (le, stage) (rate(vpcwire_request_duration_seconds_bucket" + of('verb="add"') + "[5m])))", "p50 {{stage}}"),
        ("histogram_quantile(0.99, sum by (le, stage) (rate(vpcwire_request_duration_seconds_bucket" + of('verb="add"') + "[5m])))", "p99 {{stage}}"),
    ]),
    ("ENIs by state", "short", True, [(f"sum by (state) (vpcwire_enis{NODE})", "{{state}}")]),
    ("ENIs stuck in a passing state", "short", False, [(f"sum by (state) (vpcwire_enis_stuck{NODE})", "{{state}}")]),
    ("EC2 calls per minute", "short", True, [(f"60 * sum by (action) (rate(vpcwire_ec2_calls_total{NODE}[5m]))", "{{action}}")]),
    ("EC2 calls that failed, per minute", "short", True, [
        ("60 * sum by (class) (rate(vpcwire_ec2_calls_total" + of('class!="ok"') + "[5m]))", "{{class}}"),
    ]),
    ("Throttles and calls delayed, per minute", "short", False, [
        (f"60 * sum(rate(vpcwire_ec2_throttles_total{NODE}[5m]))", "throttled"),
        (f"60 * sum(rate(vpcwire_ec2_calls_delayed_total{NODE}[5m]))", "delayed"),
    ]),
    ("Denied actions (IAM)", "short", False, [(f"sum by (action) (vpcwire_ec2_denied{NODE}) > 0", "{{action}}")]),
    ("Repairs of the host's network, per hour", "short", True, [
        (f"3600 * sum by (object) (rate(vpcwire_host_network_repairs_total{NODE}[15m]))", "{{object}}"),
    ]),
    ("Orphans reclaimed, per hour", "short", False, [(f"3600 * sum by (kind) (rate(vpcwire_orphans_reclaimed_total{NODE}[15m]))", "{{kind}}")]),
    ("Age of the last resync, oldest node", "s", False, [(f"max(vpcwire_ec2_sync_age_seconds{NODE})", "resync")]),
]


def panel(number, title, unit, stacked, queries):
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {"x": number % 3 * WIDTH, "y": number // 3 * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {
            "defaults": {"unit": unit, "min": 0, "custom": {"fillOpacity": 15, "stacking": {"mode": "normal" if stacked else "none"}}},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [{"refId": chr(ord("A") + i), "expr": expr, "legendFormat": legend} for i, (expr, legend) in enumerate(queries)],
    }


def dashboard():
    return {
        "uid": "vpcwire",
        "title": "vpcwire",
        "tags": ["kubernetes", "network"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                {
                    "name": "node",
                    "type": "query",
                    "datasource": {"type": "prometheus", "uid": "${datasource}"},
                    "query": {"query": "label_values(vpcwire_ready, instance)", "refId": "node"},
                    "includeAll": True,
                    "multi": True,
                    "allValue": ".*",
                    "current": {"text": "All", "value": "$__all"},
                    "refresh": 2,
                },
            ]
        },
        "panels": [panel(number, *row) for number, row in enumerate(PANELS)],
    }


if __name__ == "__main__":
    json.dump(dashboard(), sys.stdout, indent=2)
    sys.stdout.write("\n")
