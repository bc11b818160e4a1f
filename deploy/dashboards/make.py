# SPDX-License-Identifier: Apache-2.0
"""Writes vpcwire.json, the Grafana dashboard: what each panel asks and means here, Grafana's many lines there. make.py > vpcwire.json

From top to bottom: is anything wrong (tiles), on which node (a table), and since when (time series). Alerts of alerts.yaml are marked in
all of them."""
import json
import sys

COLUMNS = 24
TILE, SERIES, TABLE_HEIGHT = (4, 4), (8, 8), 10  # width and height in Grafana's grid
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# The chosen nodes. Metrics have the address that was scraped (instance), people the node's name.
CHOSEN = '{cluster=~"$cluster", node=~"$node"}'
NODES = f"max by (cluster, instance, node) (vpcwire_node_info{CHOSEN})"


def here(expr):
    """Of the chosen nodes only, with their names."""
    return f"{expr} * on (cluster, instance) group_left (node) {NODES}"


def rate(metric, window="5m", per=60):
    return here(f"{per} * rate({metric}[{window}])")


def count(expr):
    """How many; 0 where Prometheus would say nothing."""
    return f"count({expr}) or vector(0)"


def quantile(q):
    return f'histogram_quantile({q}, sum by (le, stage) ({here("""rate(vpcwire_request_duration_seconds_bucket{verb="add"}[5m])""")}))'


# title, description, query, red from (None: a number that is never bad)
TILES = [
    ("Nodes", "Nodes whose ipamd is scraped.", f"count({NODES})", None),
    ("Not ready", "Nodes on which no new pod can start: `ipamctl status` on the node says why.", count(here("vpcwire_ready") + " == 0"), 1),
    ("Down", "Nodes that Prometheus still scrapes, but whose ipamd does not answer.",
     count(f"max by (cluster, instance) (up == 0 and on (cluster, instance) last_over_time(vpcwire_node_info{CHOSEN}[1d]))"), 1),
    ("Pods waiting", "Pods that wait for an address at this moment.", f"sum({here('vpcwire_waiting_requests')}) or vector(0)", 1),
    ("Affected", "Nodes whose running pods are affected: their address is lost, or their packets are routed wrongly.",
     count(here("vpcwire_impaired") + " == 1"), 1),
    ("Denied", "Nodes to which EC2 denies an action, because an IAM permission is missing.",
     count(f"max by (cluster, node) ({here('vpcwire_ec2_denied')}) == 1"), 1),
]

# column, query. The first has the node's facts as labels; the last two say why as a label.
TABLE = [
    ("facts", f"max by (cluster, node, instance_type, availability_zone, version) (vpcwire_node_info{CHOSEN})"),
    ("Ready", f"min by (cluster, node) ({here('vpcwire_ready')})"),
    ("Used", f"max by (cluster, node) ({here('awscni_assigned_ip_addresses')})"),
    ("Limit", f"max by (cluster, node) ({here('vpcwire_addresses_limit')})"),
    ("Used %", f"max by (cluster, node) ({here('100 * awscni_assigned_ip_addresses / vpcwire_addresses_limit')})"),
    ("Waiting", f"max by (cluster, node) ({here('vpcwire_waiting_requests')})"),
    ("missing", f'topk by (cluster, node) (1, max by (cluster, node, reason) ({here("""vpcwire_pool_missing_addresses{reason!="growing"}""")}) > 0)'),
    ("blocked", f"topk by (cluster, node) (1, max by (cluster, node, step) ({here('vpcwire_blocked')}) > 0)"),
]
RENAMED = {"cluster": "Cluster", "node": "Node", "instance_type": "Type", "availability_zone": "Zone", "version": "Version", "reason": "No more addresses because", "step": "Blocked at"}
HIDDEN = ("facts", "missing", "blocked")  # whose number says nothing

# row: [(title, description, unit, stacked, [(query, legend)])]
ROWS = {
    "Pods": [
        ("Addresses by state", "On all nodes together. leased: in use by pods. free: usable at once. cooling: released a short while ago (IP_COOLDOWN_PERIOD).",
         "short", True, [(f"sum by (state) ({here('vpcwire_addresses')})", "{{state}}")]),
        ("Pods that wait, and pods that got no address", "A pod waits for up to 30 seconds; then the runtime gets an error with the reason, and tries again.",
         "short", False, [
             (f"sum({here('vpcwire_waiting_requests')})", "waiting"),
             (f"sum({here('increase(awscni_no_available_ip_addresses[5m])')})", "no address, in 5 min"),
         ]),
        ("Duration of ADD, 50th and 99th percentile", "By stage: rpc (in the daemon), wait (for an address), wire (in the plugin).",
         "s", False, [(quantile(0.5), "p50 {{stage}}"), (quantile(0.99), "p99 {{stage}}")]),
    ],
    "Room": [
        ("Used and limit", "Addresses in use by pods, and what the nodes can have at most: by instance type, MAX_ENI and VPCWIRE_MAX_PODS.",
         "short", False, [
             (f"sum({here('awscni_assigned_ip_addresses')})", "used"),
             (f"sum({here('awscni_total_ip_addresses')})", "assigned by EC2"),
             (f"sum({here('vpcwire_addresses_limit')})", "limit"),
         ]),
        ("Pool: target, and what is missing", "Addresses that the nodes should have, in use and free (WARM_ENI_TARGET and others). missing: by reason; a node may have several.",
         "short", False, [
             (f"sum({here('vpcwire_pool_target_addresses')})", "target"),
             (f"sum by (reason) ({here('vpcwire_pool_missing_addresses')}) > 0", "missing: {{reason}}"),
         ]),
        ("Free addresses per subnet", "As counted by EC2; each node reads it once in VPCWIRE_RESYNC_PERIOD (30 minutes).",
         "short", False, [(f"min by (subnet_id) ({here('vpcwire_subnet_available_addresses')})", "{{subnet_id}}")]),
    ],
    "Network interfaces": [
        ("ENIs by state", "On the way in: creating, attaching, configuring, ready; on the way out: draining, detaching, deleting.",
         "short", True, [(f"sum by (state) ({here('vpcwire_enis')})", "{{state}}")]),
        ("ENIs in a transitional state for more than a minute", "`ipamctl enis` on the node names them.",
         "short", False, [(f"sum by (node, state) ({here('vpcwire_enis_stuck')}) > 0", "{{node}} {{state}}")]),
        ("Changes of the pool per hour", "Made or tried: ENIs created, attached, detached, deleted; addresses assigned and unassigned.",
         "short", True, [(f"sum by (action) ({rate('vpcwire_actions_total', '15m', 3600)})", "{{action}}")]),
    ],
    "EC2": [
        ("EC2 calls per minute", "A quiet node makes about five in an hour.", "short", True, [(f"sum by (action) ({rate('vpcwire_ec2_calls_total')})", "{{action}}")]),
        ("EC2 calls that failed, per minute", "By class of the failure; dry runs of `ipamctl doctor` do not count.",
         "short", True, [("sum by (class) (" + rate('vpcwire_ec2_calls_total{class!="ok"}') + ")", "{{class}}")]),
        ("Calls throttled and delayed, per minute", "throttled: refused by EC2's rate limit. delayed: by the node's local rate limit, which adapts to EC2's.",
         "short", False, [
             (f"sum({rate('vpcwire_ec2_throttles_total')})", "throttled"),
             (f"sum({rate('vpcwire_ec2_calls_delayed_total')})", "delayed"),
         ]),
        ("Denied actions", "Nodes to which EC2 denies the action. Compare their role with deploy/iam/policy.json.",
         "short", False, [(f"sum by (action) ({here('vpcwire_ec2_denied')}) > 0", "{{action}}")]),
        ("Time since the last sync with EC2, oldest node", "If it is clearly more than VPCWIRE_RESYNC_PERIOD (30 minutes), EC2 cannot be reached or refuses.",
         "s", False, [(f"max({here('vpcwire_ec2_sync_age_seconds')})", "oldest")]),
        ("Nodes that cannot renew their AWS credentials", "`ipamctl doctor` on the node names the provider and its error.",
         "short", False, [(f"sum({here('vpcwire_credentials_failing')})", "nodes")]),
    ],
    "Host": [
        ("Repairs of the host's network, per hour", "Objects that were missing or wrong and were repaired. New ENIs count, too; otherwise this should be near zero.",
         "short", True, [(f"sum by (object) ({rate('vpcwire_host_network_repairs_total', '15m', 3600)})", "{{object}}")]),
        ("Reclaimed per hour", "Leases of pods that are gone, and unattached ENIs missing in the database.",
         "short", False, [(f"sum by (kind) ({rate('vpcwire_orphans_reclaimed_total', '15m', 3600)})", "{{kind}}")]),
        ("Memory and CPU of ipamd, largest node", "CPU in seconds per hour.",
         "short", False, [
             (f"max({here('process_resident_memory_bytes / 1048576')})", "MiB"),
             (f"max({rate('process_cpu_seconds_total', '15m', 3600)})", "CPU s per hour"),
         ]),
    ],
}


def targets(queries, **more):
    return [{"refId": chr(ord("A") + i), "expr": expr, "legendFormat": legend, **more} for i, (expr, legend) in enumerate(queries)]


def panel(kind, title, description, place, config, **more):
    x, y, w, h = place
    return {"type": kind, "title": title, "description": description, "datasource": DATASOURCE, "gridPos": {"x": x, "y": y, "w": w, "h": h},
            "fieldConfig": {"defaults": config, "overrides": []}, **more}


def tile(place, title, description, query, red):
    steps = [{"color": "green", "value": None}] + ([{"color": "red", "value": red}] if red else [])
    return panel("stat", title, description, place, {"unit": "short", "thresholds": {"mode": "absolute", "steps": steps}},
                 options={"colorMode": "background" if red else "none", "graphMode": "none", "reduceOptions": {"calcs": ["lastNotNull"]}},
                 targets=targets([(query, title)], instant=True))


def by_name(column, **properties):
    return {"matcher": {"id": "byName", "options": column}, "properties": [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()]}


def steps(*pairs):
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in pairs]}


def table(place):
    values = {f"Value #{chr(ord('A') + i)}": column for i, (column, _) in enumerate(TABLE)}
    made = panel("table", "Nodes", "One line each; the worst come first. `ipamctl status` on the node says more.", place, {"custom": {"align": "auto"}},
                 targets=targets([(query, "") for _, query in TABLE], instant=True, format="table"),
                 options={"showHeader": True, "sortBy": [{"displayName": "Waiting", "desc": True}, {"displayName": "Used %", "desc": True}]},
                 transformations=[
                     {"id": "merge", "options": {}},
                     {"id": "organize", "options": {
                         "excludeByName": {"Time": True, **{value: True for value, column in values.items() if column in HIDDEN}},
                         "indexByName": {name: i for i, name in enumerate(["cluster", "node", *values, "reason", "step", "instance_type", "availability_zone", "version"])},
                         "renameByName": {**RENAMED, **{value: column for value, column in values.items() if column not in HIDDEN}},
                     }},
                 ])
    shown = {"type": "color-background"}
    made["fieldConfig"]["overrides"] = [
        by_name("Node", links=[{"title": "this node only", "url": "/d/vpcwire?${cluster:queryparam}&var-node=${__value.text}"}]),
        by_name("Ready", custom__cellOptions=shown, thresholds=steps((None, "red"), (1, "green")),
                mappings=[{"type": "value", "options": {"0": {"text": "no"}, "1": {"text": "yes"}}}]),
        by_name("Used %", unit="percent", min=0, max=100, custom__cellOptions={"type": "gauge", "mode": "basic"},
                thresholds=steps((None, "green"), (80, "orange"), (95, "red"))),
        by_name("Waiting", custom__cellOptions=shown, thresholds=steps((None, "transparent"), (1, "red"))),
    ]
    return made


def series(place, title, description, unit, stacked, queries):
    config = {"unit": unit, "min": 0, "custom": {"fillOpacity": 15, "stacking": {"mode": "normal" if stacked else "none"}}}
    return panel("timeseries", title, description, place, config, targets=targets(queries),
                 options={"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}})


def panels():
    """All of them, each in its place."""
    made = [tile((i * TILE[0], 0, *TILE), *row) for i, row in enumerate(TILES)]
    y = TILE[1]
    made.append(table((0, y, COLUMNS, TABLE_HEIGHT)))
    y += TABLE_HEIGHT
    for title, rows in ROWS.items():
        made.append({"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}})
        y += 1
        for i, row in enumerate(rows):
            width, height = SERIES
            made.append(series((i * width % COLUMNS, y + i * width // COLUMNS * height, width, height), *row))
        y += -(-len(rows) * SERIES[0] // COLUMNS) * SERIES[1]
    return [{"id": i + 1, **each} for i, each in enumerate(made)]


def variable(name, label, query):
    return {"name": name, "label": label, "type": "query", "datasource": DATASOURCE, "query": {"query": query, "refId": name}, "includeAll": True,
            "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "refresh": 2, "sort": 1}


def dashboard():
    return {
        "uid": "vpcwire",
        "title": "vpcwire",
        "description": "Addresses for pods on EC2: which nodes are healthy, which have room, and what prevents more.",
        "tags": ["kubernetes", "network"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "annotations": {"list": [{
            "name": "Alerts", "datasource": DATASOURCE, "enable": True, "iconColor": "red", "step": "60s",
            "expr": 'ALERTS{alertname=~"Vpcwire.*", alertstate="firing", cluster=~"$cluster"}',
            "titleFormat": "{{alertname}}", "textFormat": "{{node}} {{action}} {{subnet_id}}",
        }]},
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
            variable("cluster", "Cluster", "label_values(vpcwire_node_info, cluster)"),
            variable("node", "Node", 'label_values(vpcwire_node_info{cluster=~"$cluster"}, node)'),
        ]},
        "panels": panels(),
    }


if __name__ == "__main__":
    json.dump(dashboard(), sys.stdout, indent=2)
    sys.stdout.write("\n")
