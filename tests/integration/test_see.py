# SPDX-License-Identifier: Apache-2.0
"""What can be seen from outside: metrics as Prometheus takes them, introspection, probes."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import urllib.parse

import pytest

from vpc import netns, patient, wait_until
from vpc.process import Daemon
from vpc.web import METRICS, get, sample as of

README = pathlib.Path(__file__).parents[2] / "deploy/README.md"
PROMETHEUS = 9090
TRIES = 5
PROMETHEUS_YAML = f"""
global: {{scrape_interval: 5s, scrape_timeout: 5s}}
scrape_configs: [{{job_name: vpcwire, static_configs: [{{targets: ['127.0.0.1:{METRICS}']}}]}}]
"""


def seconds(verb, stage, kind="count"):
    return f"vpcwire_request_duration_seconds_{kind}", (("stage", stage), ("verb", verb))


def start_time(pid):
    """When a process began, in seconds since 1970, by the kernel's word."""
    ticks = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    booted = re.search(r"^btime (\d+)$", pathlib.Path("/proc/stat").read_text(), re.M)[1]
    return int(booted) + int(ticks) / os.sysconf("SC_CLK_TCK")


@pytest.mark.node(env={"IP_COOLDOWN_PERIOD": "0"})
def test_metrics(node):
    before = node.metrics()
    assert before[of("vpcwire_ready")] == 1 and before[of("vpcwire_leases", state="wired")] == 0
    pods = node.add_pods(["a", "b"])
    assert pods[0].cni("CHECK", conf=node.cni_conf(prevResult=pods[0].result.json)).rc == 0
    pods[1].delete()
    assert node.cni("DEL", pods[1].container_id).rc == 0
    node.wait_quiet(leased=1)
    node.wait_start_calls(looks=2)

    def counted():
        """The metrics, when both ends have counted the same calls: none is under way."""
        now, calls = node.metrics(), node.calls()
        assert {action: now[of("awscni_ec2api_req_count", fn=action)] for action in calls} == calls
        assert now[of("vpcwire_ec2_calls_total", **{"action": "DescribeNetworkInterfaces", "class": "ok"})] == calls["DescribeNetworkInterfaces"]
        return now

    now = wait_until(counted, 60, why="EC2's count of calls and the daemon's are the same")
    assert {key: now.get(key, 0) - before.get(key, 0) for key in (
        seconds("add", "rpc"), seconds("add", "wait"), seconds("add", "wire"), seconds("check", "rpc"), seconds("del", "rpc"),
    )} == {
        seconds("add", "rpc"): 2, seconds("add", "wait"): 2, seconds("add", "wire"): 2, seconds("check", "rpc"): 1, seconds("del", "rpc"): 2,
    }
    assert 0 < now[seconds("add", "wire", "sum")] < 60
    assert now[of("vpcwire_requests_total", verb="add", result="success")] == 2
    assert now[of("vpcwire_requests_total", verb="confirm", result="success")] == 2
    assert now[of("vpcwire_requests_total", verb="del", result="unknown")] == 1
    assert now[of("awscni_add_ip_req_count")] == 2
    pool = node.pool()
    for state in ("free", "leased", "cooling", "preparing", "leaving", "lost"):
        assert now[of("vpcwire_addresses", state=state)] == pool[state], (state, pool)
    assert now[of("vpcwire_leases", state="wired")] == 1 and now[of("awscni_assigned_ip_addresses")] == 1
    enis = node.enis()
    assert now[of("vpcwire_enis", state="ready")] == now[of("awscni_eni_allocated")] == len(enis)
    assert now[of("awscni_eni_max")] == 3 and now[of("awscni_ip_max")] == now[of("vpcwire_addresses_limit")] == 9, "a t3.small"
    (info,) = [dict(labels) for name, labels in now if name == "vpcwire_node_info"]
    shown = node.status()
    assert info.pop("version") == shown["version"] and info.pop("node") == info["instance_id"], "without MY_NODE_NAME"
    assert info == {key: shown["node"][key] for key in ("instance_id", "instance_type", "availability_zone")}
    assert sum(now[of("awscni_assigned_ip_per_eni", eni=eni["eni_id"])] for eni in enis) == 1
    assert now[of("vpcwire_pool_target_addresses")] == pool["free"] + pool["leased"] + pool["cooling"]
    for age in ("vpcwire_ec2_sync_age_seconds", "vpcwire_credentials_age_seconds"):
        assert 0 <= now[of(age)] < 600

    assert 0 < now[of("process_cpu_seconds_total")] < 3600 and now[of("process_cpu_seconds_total")] >= before[of("process_cpu_seconds_total")]
    assert 0 < now[of("process_open_fds")] <= now[of("process_max_fds")]
    assert 0 < now[of("process_resident_memory_bytes")] < now[of("process_virtual_memory_bytes")]
    assert abs(now[of("process_start_time_seconds")] - start_time(node.proc.pid)) < 5
    assert now[of("awscni_total_ipv4_prefixes")] == 0
    assert now[of("awscni_assigned_ip_per_cidr", cidr=f"{pods[0].address}/32")] == 1
    assert sum(value for (name, _), value in now.items() if name == "awscni_assigned_ip_per_cidr") == 1
    assert [labels for name, labels in now if name == "awscni_build_info"] == [labels for name, labels in now if name == "vpcwire_build_info"]

    text = node.web("/metrics", to=METRICS).text
    assert '="other"' not in text, "a value that its label's list lacks"
    told = set(re.findall(r"`(awscni_\w+)`", README.read_text()))
    assert set(re.findall(r"^# TYPE (awscni_\w+) ", text, re.M)) == told, "deploy/README.md names those that are kept"
    linted = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=patient(60))
    errors = [line for line in linted.stderr.splitlines() if not line.startswith("awscni_")]
    assert not errors and linted.returncode in (0, 3), (linted, "names of aws-vpc-cni are as they are; ours must be good")


def test_repairs_and_reclaimed_leases_are_counted(node):
    pod = node.add_pod("a")
    before = node.metrics()
    node.ip("rule", "del", "priority", "512")
    wait_until(lambda: node.metric("vpcwire_host_network_repairs_total", object="rules") > before[of("vpcwire_host_network_repairs_total", object="rules")])
    assert pod.address


@contextlib.contextmanager
def prometheus(node, folder):
    """Debian's Prometheus in the node, and a function that asks it."""
    folder.mkdir()
    (folder / "prometheus.yml").write_text(PROMETHEUS_YAML)
    command = ["ip", "netns", "exec", node.netns, "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    daemon = Daemon([*command, f"--web.listen-address=127.0.0.1:{PROMETHEUS}"], folder / "log")

    def ask(query):
        answer = node.web("/api/v1/query?query=" + urllib.parse.quote(query), to=PROMETHEUS)
        assert answer.status == 200, answer
        return [(item["metric"], float(item["value"][1])) for item in json.loads(answer.text)["data"]["result"]]

    try:
        yield ask
    finally:
        daemon.stop()


def test_a_real_prometheus_scrapes(node, tmp_path):
    node.add_pods(["a", "b"])
    with prometheus(node, tmp_path / "prometheus") as ask:

        def scraped():
            """All at once: after a scrape that took too long Prometheus shows nothing until the next."""
            assert [value for _, value in ask('up{job="vpcwire"}')] == [1]
            assert [value for _, value in ask("vpcwire_leases{state='wired'}")] == [2]
            ((_, quantile),) = ask("histogram_quantile(0.5, sum by (le) (vpcwire_request_duration_seconds_bucket{verb='add',stage='rpc'}))")
            assert 0 < quantile < 60
            ((labels, _),) = ask("vpcwire_build_info")
            assert labels["version"] == node.status()["version"]
            names = {labels["__name__"] for labels, _ in ask('{job="vpcwire"}')}
            return {name for name, _ in node.metrics()} <= names

        wait_until(scraped, 60, why="a scrape")
        node.add_pod("c")
        wait_until(lambda: [value for _, value in ask("vpcwire_leases{state='wired'}")] == [3], 60, why="the next scrape")


@pytest.mark.node(env={"VPCWIRE_METRICS_BIND_ADDRESS": "127.0.0.1:7777", "DISABLE_INTROSPECTION": "true"})
def test_addresses_are_settings(node):
    assert node.web("/metrics", to=7777).status == 200
    for port in (METRICS, METRICS + 1):
        with pytest.raises(ConnectionRefusedError):
            node.inside.call(get, port, "/metrics")


@contextlib.contextmanager
def port_taken(node, port):
    holder = node.inside.call(socket.create_server, ("", port))
    try:
        yield
    finally:
        holder.close()


def test_a_taken_port_is_no_reason_not_to_serve(make_node):
    node = make_node("n1", start=False)
    with port_taken(node, METRICS):
        node.start()
        assert node.add_pod("a").address
        wait_until(lambda: "listening failed" in node.log.read_text())
    wait_until(lambda: node.web("/metrics", to=METRICS).status == 200, 40, why="the port is free again")


def health(node, probe):
    """Exit code of `ipamctl health PROBE`."""
    return node.ctl("health", probe, check=False).returncode


@pytest.mark.node(env={"MAX_ENI": "1", "WARM_IP_TARGET": "1", "IP_COOLDOWN_PERIOD": "1"})
def test_a_full_pool_is_ready(node):
    """A full node works: its pods run, and nobody is told to take it for broken. Whether there is room is a line of its own, and steady."""
    pods = node.add_pods([f"p{i}" for i in range(3)])  # all that a t3.small's ENI has
    late = node.pod_netns("late")
    waiting = node.start_thread(node.cni, "ADD", late.container_id, late.path, conf=node.cni_conf(timeoutSeconds=240))
    node.wait_pool(lambda pool: pool["waiting"], 20, why="an ADD waits")
    assert [health(node, probe) for probe in ("live", "ready", "startup")] == [0, 0, 0] and node.web("/readyz").status == 200
    room = "none, 3 of 3 in use, the limit of MAX_ENI=1"

    def assert_no_room():
        status = node.status()
        assert (status["room"], status["room_summary"], status["room_cause"]) == ("none", room, "eni_limit"), status
        assert "MAX_ENI" in status["room_remedy"] and status["addresses_limit"] == 3
        assert f"room: {room}" in node.web("/readyz").text and node.web("/readyz").status == 200
        assert node.ctl("health")["room"] == room
        assert node.cni_status().rc == 0

    assert_no_room()
    pods.pop().delete()
    assert waiting.result().rc == 0, "a freed address is theirs who wait"
    assert_no_room()  # and nobody waits


def test_probes(vpc, make_node):
    """A node that cannot reach EC2 lives and is not ready; a daemon that stands still is not alive."""
    vpc.ctl("set-denied", actions=["DescribeNetworkInterfaces"])
    node = make_node("n1", start=False)
    node.start(wait=False)
    wait_until(lambda: health(node, "live") == 0, 20)
    assert health(node, "ready") == health(node, "startup") == 1
    assert node.web("/healthz").status == 200

    def tells_why():
        """The reason says when EC2 is asked again, in seconds from now."""
        not_ready = node.web("/readyz")
        return not_ready.status == 503 and not_ready.text.splitlines()[0] == node.status()["reason"]

    wait_until(tells_why, 20, why="the page and the RPC give the same reason")
    node.stop()
    vpc.ctl("set-denied", actions=[])
    for file in node.folder.glob("ipam.db*"):
        file.unlink()  # in it stands when to ask again
    node.start()
    assert [health(node, probe) for probe in ("live", "ready", "startup")] == [0, 0, 0]
    assert node.web("/readyz").status == 200

    os.kill(node.proc.pid, signal.SIGSTOP)
    try:
        assert health(node, "live") == 1
    finally:
        os.kill(node.proc.pid, signal.SIGCONT)
    wait_until(lambda: health(node, "live") == 0, 20)
    node.stop()
    assert health(node, "live") == 1


def test_introspection_on_a_unix_socket(make_node, tmp_path):
    path = tmp_path / "see.sock"
    node = make_node("n1", env={"INTROSPECTION_BIND_ADDRESS": f"unix:{path}", "WARM_IP_TARGET": "2"})
    pod = node.add_pod("a")
    node.wait_quiet(leased=1)
    card = json.loads(node.web("/v1/enis", to=path).text)["0"]
    assert card["AssignedIPs"] == 1 and set(card["ENIs"]) == {eni["eni_id"] for eni in node.enis()}
    (shown,) = json.loads(node.web("/v1/pods", to=path).text)["pods"]
    assert (shown["name"], shown["address"]) == ("a", pod.address)
    assert json.loads(node.web("/v1/ipamd-env-settings", to=path).text)["WARM_IP_TARGET"] == 2
    assert path.stat().st_mode & 0o777 == 0o600
    node.stop()
    assert not path.exists()


def test_pods_with_half_requests_do_not_hold_up_metrics(make_node):
    """Five pods have all the connections that there may be; who comes from an address of its own is served before their time is over."""
    node = make_node("n1", instance_type="m5.large", env={"WARM_IP_TARGET": "5"})
    pods = node.add_pods([f"p{i}" for i in range(5)])
    address = node.address

    def half():
        connection = socket.create_connection((address, METRICS))
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
        return connection

    def served_while_they_wait():
        """False where the machine stood still until their time was over: nothing is known then."""
        with contextlib.ExitStack() as stack:
            held = []
            for pod in pods:
                inside = stack.enter_context(netns.threads(pod.path))
                held += [stack.enter_context(inside.submit(half).result()) for _ in range(8)]
            assert node.web("/metrics", to=METRICS).status == 200
            held[-1].setblocking(False)
            with contextlib.suppress(BlockingIOError):
                return held[-1].recv(1) is None
            return True

    assert any(served_while_they_wait() for _ in range(TRIES)), "they are always gone when the answer comes"


def test_silent_visitors_do_not_hold_up_pods(node):
    """As many connections as one address may have and more: the RPC serves, and the metrics do when they have gone."""
    silent = [node.inside.call(socket.create_connection, ("127.0.0.1", port)) for port in (METRICS, METRICS + 1) for _ in range(40)]
    try:
        assert node.add_pod("a").address
    finally:
        for connection in silent:
            connection.close()

    def refused():
        try:
            return node.web("/v1/enis", headers={"Host": "evil.example"}).status == 421
        except ConnectionError:
            return False  # still full of them

    wait_until(lambda: node.metric("vpcwire_leases", state="wired") == 1, 60, why="metrics are served again")
    wait_until(refused, 60, why="introspection, too")
