# SPDX-License-Identifier: Apache-2.0
"""What a packet costs on a node with 1, 30, 110, 250 and 737 pods, in our layout and in the usual one with two rules per pod.
Run by tests/bench/datapath.sh, which makes what it needs. No test.

For each number of pods there are two nodes of a simulated VPC, all of them at the same time. Both get their pods by ipamd
and the plugin; on one of them ipamd is then stopped and its rules are written anew in the usual layout: a rule to each pod's
address at 512 and one from it at 1536 where it is not on the primary ENI, the routes in the main table. Everything else (links,
ENIs, the nftables table but for its marks) stays equal. bench_path measures all nodes in turns: the way from a node's newest
pod to another host of the VPC and back.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/integration"))
os.environ.setdefault("VPCWIRE_BUILD", str(TOP / "build/release"))

from vpc import Node, Simulator, wait_until  # noqa: E402
from vpc.process import BUILD, run  # noqa: E402
from vpc.simulator import SUBNET_A, SUBNET_B, default_world  # noqa: E402

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


def say(text):
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}", flush=True)


STARTED = time.monotonic()


def world():
    made = default_world(instance_types={"bench.large": INSTANCE})
    made["subnets"][0]["cidr"], made["subnets"][1]["cidr"] = "10.0.16.0/20", "10.0.2.0/24"
    return made


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


def make_nodes(simulator, folder, counts):
    nodes = {}
    for count in counts:
        for number, layout in enumerate(LAYOUTS):
            env = {"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": str(count), "IP_COOLDOWN_PERIOD": "1"}
            name = f"n{number}-{count}"
            node = Node(simulator, name, folder / name, instance_type="bench.large", subnet=SUBNET_A, public=True, env=env)
            nodes[layout, count] = node
            fill(node, count)
            newest = next(lease for lease in node.leases() if lease["address"] == node.pods[-1].address)
            assert newest["device_index"] > 0 and len(node.pods) == count
            if layout != LAYOUTS[0]:
                usual_layout(node)
            say(f"{layout}: {count} pods, {rules(node)} rules")
    return nodes


def measure(nodes, host, rounds, slice_ms):
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
    figures = {"counts": counts, "layouts": {}, "aim_percent": AIM_PERCENT}
    for layout in LAYOUTS:
        figures["layouts"][layout] = {
            kind: {str(count): {"median": statistics.median(samples[layout, count][kind]), "slices": samples[layout, count][kind]} for count in counts}
            for kind in KINDS
        }
        figures["layouts"][layout]["rules"] = {str(count): rules(nodes[layout, count]) for count in counts}
    first, last = str(counts[0]), str(counts[-1])
    figures["change_percent"] = {
        layout: {kind: round(100 * (of[kind][last]["median"] / of[kind][first]["median"] - 1), 2) for kind in KINDS}
        for layout, of in figures["layouts"].items()
    }
    return figures


def show(figures):
    counts = figures["counts"]
    for kind, title in KINDS.items():
        print(f"\n{title:34}" + "".join(f"{count:>11}" for count in counts) + "  pods")
        for layout, of in figures["layouts"].items():
            digits = 0 if kind == "udp_pps" else 2
            print(f"  {layout:32}" + "".join(f"{of[kind][str(count)]['median']:11.{digits}f}" for count in counts)
                  + f"  {figures['change_percent'][layout][kind]:+.1f} %")
    worst = max(figures["change_percent"][LAYOUTS[0]].items(), key=lambda item: -item[1] if item[0] == "udp_pps" else item[1])
    print(f"\nours at {counts[-1]} pods against {counts[0]}: {worst[1]:+.1f} % at worst ({KINDS[worst[0]]}); the aim is {AIM_PERCENT} %")


def plot(figures, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(KINDS), figsize=(13, 4), layout="constrained")
    for axis, (kind, title) in zip(axes, KINDS.items()):
        for layout, style in zip(LAYOUTS, ("o-", "s--")):
            of = figures["layouts"][layout][kind]
            points = [of[str(count)] for count in figures["counts"]]
            spread = [statistics.quantiles(point["slices"], n=4) if len(point["slices"]) > 1 else [point["median"]] * 3 for point in points]
            line, = axis.plot(figures["counts"], [point["median"] for point in points], style, label=layout)
            axis.fill_between(figures["counts"], [s[0] for s in spread], [s[2] for s in spread], alpha=0.2, color=line.get_color())
        axis.set(title=title, xlabel="pods on the node", ylim=(0, None))
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60, help="slices of each figure (60)")
    parser.add_argument("--slice-ms", type=int, default=40, help="length of a slice (40)")
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="numbers of pods, rising")
    parser.add_argument("--out", type=pathlib.Path, default=TOP / "build/bench", help="folder of datapath.json and datapath.png")
    options = parser.parse_args()
    counts = [int(count) for count in options.counts.split(",")]
    if os.geteuid() != 0:
        sys.exit("root is needed to make network namespaces")
    nodes = {}
    with tempfile.TemporaryDirectory(prefix="vpcwire-datapath-") as name:
        folder = pathlib.Path(name)
        simulator = Simulator(world(), folder / "vpc", build=BUILD)
        try:
            host = simulator.add_node("host", instance_type="t3.small", subnet=SUBNET_B)
            host["netns"] = simulator.namespace("host")
            nodes = make_nodes(simulator, folder, counts)
            say(f"measuring: {options.rounds} rounds of {len(nodes) * len(KINDS)} slices of {options.slice_ms} ms")
            figures = summarise(measure(nodes, host, options.rounds, options.slice_ms), nodes, counts)
            assert simulator.wrong_source_packets() == 0, simulator.ctl("offenders")
            say("measured; cleaning up")
        finally:
            for node in nodes.values():
                if node.proc:
                    node.stop()
                node.close()
            simulator.destroy()
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "datapath.json").write_text(json.dumps(figures, indent=1) + "\n")
    plot(figures, options.out / "datapath.png")
    show(figures)
    say(f"{options.out}/datapath.json and datapath.png")


if __name__ == "__main__":
    main()
