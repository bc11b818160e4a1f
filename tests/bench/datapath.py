# SPDX-License-Identifier: Apache-2.0
"""What a packet costs on a node with 1, 30, 110, 250 and 737 pods, in our layout and in the usual one with two rules per pod.
Run by tests/bench/datapath.sh, which makes what it needs. No test.

For each number of pods there are two nodes of a simulated VPC, all of them at the same time. Both get their pods by ipamd
and the plugin; on one of them ipamd is then stopped and its rules are written anew in the usual layout: a rule to each pod's
address at 512 and one from it at 1536 where it is not on the primary ENI, the routes in the main table. Everything else (links,
ENIs, the nftables table but for its marks) stays equal. bench_path measures all nodes in turns: the way from a node's newest
pod to another host of the VPC and back.
"""
import json
import pathlib
import statistics
import sys
import time

import bench
from bench import BUILD
from vpc import wait_until
from vpc.process import run
from vpc.simulator import SUBNET_B

COUNTS = [1, 30, 110, 250, 737]
LAYOUTS = ["vpcwire", "two rules per pod"]
KINDS = {
    "udp_us": "UDP round trip, µs",
    "tcp_us": "TCP round trip, µs",
    "udp_pps": "UDP packets per second, one way",
}
# 737 pods on ENIs: m5.24xlarge has 15 x 50 addresses, of which 15 are the ENIs' own and two pods use the host's network
PER_ENI = 50
INSTANCE = {"max_enis": 15, "ipv4_per_eni": PER_ENI + 1}
AIM_PERCENT = 5
POOL_DEADLINE_S = 120
DEADLINE_S = 600
STARTED = time.monotonic()
SUBNETS = [
    {"id": bench.SUBNET_A, "cidr": "10.0.16.0/20", "zone": "us-east-1a"},
    {"id": SUBNET_B, "cidr": "10.0.2.0/24", "zone": "us-east-1b"},
]


def say(text):
    """Progress; the figures go to standard output."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}", file=sys.stderr, flush=True)


def usual_layout(node):
    """The same pods by two rules each. ipamd is stopped before: it would put its own back."""
    leases = node.leases()
    node.stop()
    commands = [f"rule del priority {rule['priority']}" for rule in node.ip("rule", "show") if rule["priority"] in (512, 1536, 1537)]
    for lease in leases:
        commands.append(f"route add {lease['address']}/32 dev {lease['host_ifname']} scope link")
        commands.append(f"rule add priority 512 to {lease['address']} lookup main")
        if lease["device_index"]:
            commands.append(f"rule add priority 1536 from {lease['address']} lookup {lease['device_index'] + 1}")
    commands.append("route flush table 512")
    batch = node.folder / "usual"
    batch.write_text("\n".join(commands) + "\n")
    run("ip", "-n", node.netns, "-batch", batch)
    table = node.exec("nft", "list", "table", "ip", "vpcwire").stdout
    ours = "ip saddr vmap @eni_of"
    assert ours in table
    batch.write_text("delete table ip vpcwire\n" + "\n".join(line for line in table.splitlines() if ours not in line) + "\n")
    node.exec("nft", "-f", batch)


def fill(node, count):
    """count pods, all wired, the newest on a secondary ENI: a few pods would all be on the primary one, whose packets need no
    mark and no table of their own, and like is to be compared with like."""
    passing = PER_ENI if count <= PER_ENI else 0
    node.start(deadline_s=POOL_DEADLINE_S)
    for first in range(0, passing + count, PER_ENI):
        node.add_pods(f"{node.name}-{i}" for i in range(first, min(first + PER_ENI, passing + count)))
    for deleting in [node.start_thread(pod.delete) for pod in node.pods[:passing]]:
        deleting.result()
    wait_until(lambda: len(node.leases()) == count and all(eni["state"] == "ready" for eni in node.enis()), POOL_DEADLINE_S)


def rules(node):
    return len(node.ip("rule", "show"))


def make_nodes(world, counts):
    nodes = {}
    for count in counts:
        for number, layout in enumerate(LAYOUTS):
            env = {"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": str(count), "IP_COOLDOWN_PERIOD": "1"}
            node = world.node(f"n{number}-{count}", instance_type="bench.large", env=env)
            nodes[layout, count] = node
            fill(node, count)
            newest = next(lease for lease in node.leases() if lease["address"] == node.pods[-1].address)
            assert newest["device_index"] > 0 and len(node.pods) == count
            if layout != LAYOUTS[0]:
                usual_layout(node)
            say(f"{layout}: {count} pods, {rules(node)} rules")
    return nodes


def measure_paths(nodes, host, rounds, slice_ms):
    """{(layout, count): {kind: [one value per round]}}"""
    labels = {f"{layout}/{count}": (layout, count) for layout, count in nodes}
    command = [BUILD / "bin/bench_path", rounds, slice_ms]
    for label, key in labels.items():
        command += [label, f"/run/netns/{nodes[key].pods[-1].netns}", f"/run/netns/{host['netns']}", host["primary_address"]]
    done = run(*command, timeout=900, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return {labels[label]: kinds for label, kinds in json.loads(done.stdout).items()}


def summarise(samples, nodes, counts):
    """What goes into the JSON file."""
    of_layouts = {
        layout: {
            kind: {str(count): {"median": statistics.median(samples[layout, count][kind]), "slices": samples[layout, count][kind]} for count in counts}
            for kind in KINDS
        }
        for layout in LAYOUTS
    }
    for layout in LAYOUTS:
        of_layouts[layout]["rules"] = {str(count): rules(nodes[layout, count]) for count in counts}
    return {"counts": counts, "layouts": of_layouts}


def tell(results, figures):
    counts = [str(count) for count in results["counts"]]
    for kind, title in KINDS.items():
        figures.title(title)
        for layout, of in results["layouts"].items():
            medians = {count: of[kind][count]["median"] for count in counts}
            figures.add(f"{title}: {layout}", {f"{count} pods": round(value, 2) for count, value in medians.items()})
            first, last = medians[counts[0]], medians[counts[-1]]
            dearer = 100 * ((first / last if kind == "udp_pps" else last / first) - 1)
            goal = (-100, AIM_PERCENT) if layout == LAYOUTS[0] else None
            figures.add(f"{title}: {layout}: {counts[-1]} pods cost more than {counts[0]} by", dearer, "%", goal=goal)


def plot(results, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(KINDS), figsize=(13, 4), layout="constrained")
    for axis, (kind, title) in zip(axes, KINDS.items()):
        for layout, style in zip(LAYOUTS, ("o-", "s--")):
            of = results["layouts"][layout][kind]
            points = [of[str(count)] for count in results["counts"]]
            spread = [statistics.quantiles(point["slices"], n=4) if len(point["slices"]) > 1 else [point["median"]] * 3 for point in points]
            line, = axis.plot(results["counts"], [point["median"] for point in points], style, label=layout)
            axis.fill_between(results["counts"], [s[0] for s in spread], [s[2] for s in spread], alpha=0.2, color=line.get_color())
        axis.set(title=title, xlabel="pods on the node", ylim=(0, None))
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=120)


def measure(options, figures):
    counts = [int(count) for count in options.counts.split(",")]
    with bench.world(instance_types={"bench.large": INSTANCE}, subnets=SUBNETS) as world:
        host = world.simulator.add_node("host", instance_type="t3.small", subnet=SUBNET_B)
        host["netns"] = world.simulator.namespace("host")
        nodes = make_nodes(world, counts)
        say(f"measuring: {options.rounds} rounds of {len(nodes) * len(KINDS)} slices of {options.slice_ms} ms")
        results = summarise(measure_paths(nodes, host, options.rounds, options.slice_ms), nodes, counts)
        say("measured; cleaning up")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "datapath.json").write_text(json.dumps(results, indent=1) + "\n")
    plot(results, options.out / "datapath.png")
    tell(results, figures)
    say(f"{options.out}/datapath.json and datapath.png")


def arguments(parser):
    parser.add_argument("--rounds", type=int, default=60, help="slices of each figure (60)")
    parser.add_argument("--slice-ms", type=int, default=40, help="length of a slice (40)")
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="numbers of pods, rising")
    parser.add_argument("--out", type=pathlib.Path, default=bench.TOP / "build/bench", help="folder of datapath.json and datapath.png")


if __name__ == "__main__":
    bench.main(measure, __doc__, DEADLINE_S, arguments)
