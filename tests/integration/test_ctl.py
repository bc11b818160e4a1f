# SPDX-License-Identifier: Apache-2.0
"""ipamctl against a running daemon: the history of pods and addresses, past events, the log level, the bundle."""
import contextlib
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import stat
import subprocess
import tarfile
import tempfile
import time
import urllib.request

import pytest

from vpc import patient, wait_until
from vpc.process import SANITIZER_OPTIONS, run

ADD_TIMEOUT_MS_MAX = 240_000  # io.vpcwire.ipam.varlink
SECRETS = ["Zq7-plain-secret", "Zq7-conf-secret-31", "Zq7-json-secret-31", "Zq7-url-secret-31", "AKIAZQ7EXAMPLE000000"]


def explain(node, subject):
    return node.ctl("explain", subject)


def test_history_of_a_pod_and_its_address(make_node):
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "600", "MAX_ENI": "1"})
    node.wait_quiet(free=3)
    pod = node.add_pod("web-0")
    address = pod.address
    lease, = explain(node, "default/web-0")["leases"]
    eni, = [eni for eni in node.enis() if eni["device_index"] == 0]
    assert (lease["address"], lease["pod"], lease["eni_id"]) == (address, "default/web-0", eni["eni_id"])
    assert lease["since_ms"] <= lease["wired_ms"] and "until_ms" not in lease and "waited_ms" not in lease
    history = explain(node, address)
    assert history["now"] == {"known": True, "state": "leased", "eni_id": eni["eni_id"], "device_index": 0, "until_ms": 0}
    assert [event["text"] for event in history["events"] if event["kind"] == "boot"] == ["the database is new"]
    assert [event["kind"] for event in history["events"] if event["kind"] != "boot"] == ["address-added", "lease-added", "lease-wired"]
    assert all(event["eni_id"] == eni["eni_id"] for event in history["events"] if event["kind"] != "boot")
    pod.delete()
    history = explain(node, address)
    assert history["now"]["state"] == "cooling" and history["now"]["until_ms"] > lease["wired_ms"]
    ended, = history["leases"]
    assert ended["end"] == "DEL" and ended["until_ms"] >= ended["wired_ms"]
    # A second sandbox of the same pod: both are its leases, by either name; another namespace's pod is not.
    node.add_pod("web-0")
    node.cni("ADD", "other", netns=node.pod_netns("x").path, args="K8S_POD_NAMESPACE=prod;K8S_POD_NAME=web-0")
    assert [("until_ms" in lease) for lease in explain(node, "default/web-0")["leases"]] == [True, False]
    assert {lease["pod"] for lease in explain(node, "web-0")["leases"]} == {"default/web-0", "prod/web-0"}
    shown = node.screen("explain", "default/web-0")
    assert "leases     1 now, 1 ended" in shown and f"default/web-0  {address}" in shown and " DEL\n" in shown
    unknown = node.ctl("explain", "nobody", check=False)
    assert unknown.returncode == 1 and json.loads(unknown.stdout)["leases"] == []
    node.cni("DEL", "other", args="K8S_POD_NAMESPACE=prod;K8S_POD_NAME=web-0")
    # It outlives the daemon.
    node.restart()
    assert [lease.get("end") for lease in explain(node, address)["leases"]] == ["DEL"]


@pytest.mark.node(env={"MAX_ENI": "1"})
def test_history_of_a_pod_that_waits(node):
    node.wait_quiet(total=3)
    node.add_pods(["a", "b", "c"])
    late = {"network": "vpcwire", "container_id": "c9", "ifname": "eth0", "pod_namespace": "default", "pod_name": "late"}
    timeout_ms = min(int(patient(20) * 1000), ADD_TIMEOUT_MS_MAX)
    waiter = node.connect()
    waiter.send("Add", {**late, "timeout_ms": timeout_ms})
    waits = wait_until(lambda: explain(node, "late").get("waits"), 10, why="it waits")
    waiting, = node.ctl("pods")["waiting"]
    assert (waiting["pod_namespace"], waiting["pod_name"], waiting["deadline_ms"] - waiting["since_ms"]) == ("default", "late", timeout_ms)
    assert [line.split()[5] for line in node.screen("pods").splitlines() if "default/late" in line] == ["waiting"]
    assert "no free address" in waits
    # It hangs up.
    waiter.socket.close()
    wait_until(lambda: explain(node, "late")["events"][-1]["kind"] == "add-given-up", 10, why="it is forgotten")
    assert "waits" not in explain(node, "late")
    # It comes again, and its time runs out.
    with node.connect() as waiter:
        waiter.send("Add", {**late, "timeout_ms": 1000})
        wait_until(lambda: explain(node, "default/late")["events"][-1]["kind"] == "add-refused", 60, why="it is refused")
    history = explain(node, "default/late")
    assert "waits" not in history and "no free address: 3 of 3 in use, the limit of MAX_ENI=1" in history["events"][-1]["text"], history


def test_past_events(make_node):
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "0", "MAX_ENI": "1"})
    node.wait_quiet(free=3)
    node.add_pod("web-0").delete()
    last = node.screen("events", "--last", "2").splitlines()
    assert [line.split()[1] for line in last] == ["lease-wired", "lease-released"]
    with node.connect() as connection:  # more than a page of them
        for number in range(260):
            key = {"network": "vpcwire", "container_id": f"many-{number}", "ifname": "eth0"}
            connection.call("Add", {**key, "timeout_ms": 30000})
            connection.call("Del", key)
    ids = [json.loads(line)["id"] for line in node.screen("--json", "events", "--since", "1h").splitlines()]
    assert len(ids) > 520 and ids == list(range(1, len(ids) + 1))
    assert len(node.screen("events").splitlines()) == 100
    assert node.ctl("events", "--since", "nonsense", check=False).returncode == 2


def test_log_level(node):
    assert node.ctl("log-level") == {"level": "info", "configured": "info"}
    assert node.ctl("log-level", "error") == {"level": "error", "configured": "info"}
    switched = [line for line in node.log.read_text().splitlines() if "log level switched" in line]
    assert len(switched) == 1 and '"from":"info"' in switched[0] and '"to":"error"' in switched[0]
    node.add_pod("silent")
    assert '"pod":"silent"' not in node.log.read_text()
    refused = node.ctl("log-level", "loud", check=False)
    assert refused.returncode == 2 and "debug, info, warn, error" in refused.stderr
    assert node.ctl("log-level")["level"] == "error"
    os.kill(node.proc.pid, signal.SIGHUP)
    wait_until(lambda: node.ctl("log-level")["level"] == "info", 10, why="back to the settings")
    node.add_pod("loud")
    assert '"pod":"loud"' in node.log.read_text()


def role_keys(node):
    """The keys that the node's daemon signs with, as anybody on the node gets them."""

    def ask():
        base = "http://169.254.169.254/latest/"
        ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        token = urllib.request.urlopen(urllib.request.Request(base + "api/token", method="PUT", headers=ttl), timeout=60).read().decode()
        path = base + "meta-data/iam/security-credentials/"
        headers = {"X-aws-ec2-metadata-token": token}
        name = urllib.request.urlopen(urllib.request.Request(path, headers=headers), timeout=60).read().decode()
        return json.load(urllib.request.urlopen(urllib.request.Request(path + name, headers=headers), timeout=60))

    role = node.inside.call(ask)
    return [role["AccessKeyId"], role["SecretAccessKey"], role["Token"]]


def test_no_secret_in_the_log(make_node):
    node = make_node("n1", env={"AWS_VPC_K8S_CNI_LOGLEVEL": "debug"})
    node.add_pod("p").delete()
    node.stop()  # the last line is a whole one
    log = node.log.read_text()
    for line in log.splitlines():
        assert {"time", "level", "msg"} <= json.loads(line).keys()  # one event, one line
    assert [key for key in [*role_keys(node), "Signature="] if key in log] == []


def test_only_root_may_ask(node):
    """Whoever is not root finds the socket shut: nobody else turns the log off."""
    folder = tempfile.mkdtemp()
    try:
        os.chmod(folder, 0o755)
        os.link(node.socket, f"{folder}/s")
        shutil.copy(node.build / "bin/ipamctl", f"{folder}/ipamctl")
        env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": f"{folder}/s"}
        done = run("setpriv", "--reuid=65534", "--clear-groups", f"{folder}/ipamctl", "log-level", "error", check=False, env=env, cwd="/")
        assert done.returncode == 1 and "only root" in done.stderr and done.stderr.endswith("; next: sudo ipamctl\n"), done
    finally:
        shutil.rmtree(folder)
    assert node.ctl("log-level")["level"] == "info"


# ---- without the daemon ----


def without_a_daemon(node, *arguments):
    """ipamctl's end, standard output and error; the database's files stay as they are."""
    files = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in node.db.parent.glob(node.db.name + "*")}
    env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": str(node.socket), "VPCWIRE_DB": str(node.db)}
    done = run(node.build / "bin/ipamctl", *arguments, env=env, check=False)
    assert files == {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in node.db.parent.glob(node.db.name + "*")}
    return done


@pytest.mark.parametrize("how", ["stop", "kill9"])
def test_a_dead_daemons_database_is_read(node, how):
    before_ms = time.time() * 1000
    pod = node.add_pod("web-0")
    enis = node.enis()
    getattr(node, how)()
    after_ms = time.time() * 1000
    assert list(node.db.parent.glob(node.db.name + "-wal")) == ([] if how == "stop" else [node.db.with_name(node.db.name + "-wal")])
    for command, shown in [(["status"], "1 in use"), (["pods"], f"default/web-0  {pod.address} "), (["enis"], enis[0]["eni_id"]),
                           (["explain", "default/web-0"], f"default/web-0  {pod.address} "), (["explain", pod.address], "leased"),
                           (["events"], "lease-wired"), (["imports"], "VERDICT")]:
        done = without_a_daemon(node, *command)
        assert done.returncode == 1 and shown in done.stdout, (command, done)
        assert "ipamd is down" in done.stderr and "next: ipamctl doctor" in done.stderr, (command, done.stderr)
        text = without_a_daemon(node, "--json", *command).stdout
        for answer in [json.loads(line) for line in text.splitlines()] if command == ["events"] else [json.loads(text)]:
            assert answer["offline"]["daemon"] == "down", command
            assert before_ms <= answer["offline"]["written_ms"] <= after_ms, command
    assert json.loads(without_a_daemon(node, "--json", "status").stdout)["ready"] is False
    assert "1 now, 0 ended" in without_a_daemon(node, "explain", "web-0").stdout
    unknown = without_a_daemon(node, "explain", "nobody")
    assert unknown.returncode == 1 and "no record of nobody" in unknown.stderr
    for command in ("watch", "log-level", "health", "version"):
        done = without_a_daemon(node, command)
        assert done.returncode == 1 and done.stderr.endswith("; next: ipamctl doctor\n"), done
    # A start is not kept from its database by one that reads it, nor is there one where there was none.
    node.start()
    assert [lease["address"] for lease in node.leases()] == [pod.address]
    node.stop()
    for path in node.db.parent.glob(node.db.name + "*"):
        path.unlink()
    done = without_a_daemon(node, "pods")
    assert done.returncode == 1 and done.stdout == "" and "No such file" in done.stderr and "next: ipamctl doctor" in done.stderr
    assert not list(node.db.parent.glob(node.db.name + "*"))


def test_a_hung_daemons_database_is_read(node):
    pod = node.add_pod("web-0")
    node.wait_quiet(total=6)  # it writes nothing while it is stopped, not even to the end of a call
    os.kill(node.proc.pid, signal.SIGSTOP)
    try:
        done = without_a_daemon(node, "pods")
        assert done.returncode == 1 and f"default/web-0  {pod.address} " in done.stdout
        assert "ipamd does not answer" in done.stderr
        assert json.loads(without_a_daemon(node, "--json", "pods").stdout)["offline"]["daemon"] == "silent"
    finally:
        os.kill(node.proc.pid, signal.SIGCONT)
    assert node.ctl("pods")["leases"]


# ---- bundle ----


ENTRY = '"time":"2026-11-30T11:54:55.500Z","level":"info","msg":'  # as our lines begin


@pytest.fixture
def host(tmp_path):
    """A host's files with a secret in each."""
    root = tmp_path / "host"
    files = {
        "etc/vpcwire/ipamd.conf": f"MAX_ENI=3\n# AWS_SECRET_ACCESS_KEY={SECRETS[1]}\n",
        "etc/cni/net.d/10-aws.conflist": json.dumps({"plugins": [{"type": "vpcwire", "apiToken": SECRETS[2]}]}),
        "etc/cni/net.d/99-other.conf": json.dumps({"type": "bridge", "mystery": "not ours to show"}),
        "var/log/vpcwire/ipamd.log": f'{{{ENTRY}"call","url":"https://u:{SECRETS[3]}@ec2/","key":"{SECRETS[4]}"}}\n' * 50000 + f'{{{ENTRY}"the last line"}}\n',
        "var/log/pods/kube-system_aws-node-x1_uid/aws-node/0.log": f'2026-11-30T11:54:55.5Z stderr F {{{ENTRY}"a container\'s line","token":"{SECRETS[3]}"}}\n{SECRETS[1]}\n',
        "var/lib/kubelet/config.yaml": f"maxPods: 29\n# {SECRETS[0]}\nstaticPodURL: {SECRETS[1]}\n",
        "etc/containerd/config.toml": f'sandbox_image = "pause"\n[plugins."x".registry.configs."y".auth]\n  password = "{SECRETS[2]}"\n',
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def make_bundle(node, host, *to, check=True, **kwargs):
    env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": str(node.socket), "VPCWIRE_DB": str(node.db), "AWS_SESSION_TOKEN": SECRETS[0], "WARM_IP_TARGET": "7"}
    env.pop("VPCWIRE_CONF", None)
    return node.exec(node.build / "bin/ipamctl", "bundle", "--root", host, *to, env=env, check=check, **kwargs)


def members(path):
    with tarfile.open(path) as archive:
        return {member.name: archive.extractfile(member).read().decode() for member in archive.getmembers()}


def test_bundle(make_node, host, tmp_path):
    # Where its pages are the bundle learns from the daemon's environment, and not from ours.
    node = make_node("n1", env={"AWS_CONTAINER_AUTHORIZATION_TOKEN": SECRETS[0], "VPCWIRE_METRICS_BIND_ADDRESS": "127.0.0.1:7171", "INTROSPECTION_BIND_ADDRESS": ""})
    pod = node.add_pod("web-0")
    node.wait_quiet(total=6)
    wait_until(lambda: '"action":"DescribeNetworkInterfaces"' in node.web("/v1/node").text, 60, why="the calls of a start")
    path = tmp_path / "bundle.tar.gz"
    for i in range(17):
        (host / f"var/log/vpcwire/more-{i:02}.log").write_text("")
    assert make_bundle(node, host, path).stdout == f"{path}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.stat().st_size < 1024 * 1024
    inside = members(path)
    for name, part in {
        "daemon/version.txt": "ipamd ",
        "daemon/status.json": '"ready": true',
        "daemon/pods.json": pod.address,
        "daemon/enis.json": "eni-",
        "daemon/events.txt": "lease-wired",
        "daemon/log-level.txt": "info",
        "daemon/imports.json": '"imports": []',
        "daemon/metrics.txt": "vpcwire_ec2_calls_total{",
        "daemon/node.json": '"action":"DescribeNetworkInterfaces"',
        "doctor.txt": "forwarding",
        "database.txt": f"{node.db}-wal: ",
        "files/var/lib/kubelet/config.yaml": "maxPods: 29\nstaticPodURL: (not shown)\n",
        "files/etc/containerd/config.toml": "  password = (not shown)\n",
        "index.txt": "/etc/kubernetes/kubelet/config.json: not here: no such file\n",
        "host/system.txt": "Linux",
        "host/links.txt": " group 118\n",
        "host/addresses.txt": node.address,
        "host/rules.txt": "512: ",
        "host/routes.txt": f"{pod.address}/32",
        "host/nftables.txt": "table ip vpcwire",
        "host/sysctls.txt": "net.ipv4.conf.eth0.accept_local = 1",
        "cni/names.txt": "99-other.conf",
        "cni/10-aws.conflist": '"type": "vpcwire"',
        "logs/var/log/vpcwire/ipamd.log": '"msg":"the last line"',
        "logs/var/log/pods/kube-system_aws-node-x1_uid/aws-node/0.log": "a container's line",
    }.items():
        assert part in inside[name], (name, inside[name][:2000])
    for part in ("WARM_IP_TARGET=7", "AWS_SESSION_TOKEN=(not shown)", f"process {node.proc.pid}\n", "MAX_ENI=3",
                 "AWS_CONTAINER_AUTHORIZATION_TOKEN=(not shown)"):
        assert part in inside["settings.txt"]
    assert len(inside["logs/var/log/vpcwire/ipamd.log"]) <= 512 * 1024
    everything = "\n".join(inside.values())
    assert [secret for secret in [*SECRETS, *role_keys(node)] if secret in everything] == []
    assert set(re.findall(r"^(.*): \d+ bytes$", inside["index.txt"], re.M)) == inside.keys() - {"index.txt"}
    assert "/var/log/vpcwire/*.log: not here: it is 18 files, the first 16 are here\n" in inside["index.txt"]
    assert "mystery" not in everything and "PATH=" not in inside["settings.txt"]
    # To a file by its option, and to standard output.
    other = tmp_path / "other.tar.gz"
    assert make_bundle(node, host, "--output", other).stdout == f"{other}\n" and members(other).keys() == inside.keys()
    with open(tmp_path / "piped", "wb") as piped:
        command = [node.build / "bin/ipamctl", "bundle", "--root", host, "-"]
        env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": str(node.socket), "VPCWIRE_DB": str(node.db)}
        subprocess.run(["ip", "netns", "exec", node.netns, *command], stdout=piped, env=env, check=True)
    assert members(tmp_path / "piped").keys() == inside.keys()
    twice = make_bundle(node, host, "--output", other, "-", check=False)
    assert twice.returncode == 2 and "one of FILE" in twice.stderr
    # Never over another file.
    before = path.read_bytes()
    refused = make_bundle(node, host, path, check=False)
    assert refused.returncode == 1 and "not overwritten" in refused.stderr and path.read_bytes() == before


def test_all_keys_of_our_logs_are_shown():
    """The bundle shows the values of keys that it knows to be ours."""
    top = pathlib.Path(__file__).resolve().parents[2]
    sources = [path.read_text() for folder in ("ipamd", "lib", "cni") for path in (top / folder).rglob("*.[ch]")]
    keys = {key for text in sources for key in re.findall(r'\bLOG_(?:STR|INT)\(\s*"(\w+)"', text)} | {"time", "level", "msg", "more_times"}
    table = (top / "ipamd/ctl/bundle/allow_keys.c").read_text().split("log_keys[] = {")[1].split("};")[0]
    known = set(re.findall(r'"(\w+)"', table))
    assert "container" in keys and keys <= known, keys - known


def test_bundle_without_a_daemon(make_node, host, tmp_path):
    node = make_node("n1")
    node.add_pod("web-0")
    node.stop()
    path = tmp_path / "bundle.tar.gz"
    make_bundle(node, host, path)
    inside = members(path)
    assert "ipamd is down" in inside["daemon/status.txt"] and "lease-wired" in inside["daemon/events.txt"]
    assert "ipamd is down" in inside["daemon/status.json.err"] and json.loads(inside["daemon/status.json"])["offline"]["daemon"] == "down"
    assert all(json.loads(text) for name, text in inside.items() if name.endswith(".json"))
    assert all(f"table {family} vpcwire {{" in inside["host/nftables.txt"] for family in ("ip", "inet", "arp"))
    assert "daemon" in inside["doctor.txt"]
    assert "daemon/metrics.txt: not here: " in inside["index.txt"] and "daemon/metrics.txt" not in inside
    # A disk that cannot hold it: an error, and nothing half-made.
    refused = make_bundle(node, host, "/dev/full/x", check=False)
    assert refused.returncode == 1 and "/dev/full/x" in refused.stderr


OPERANDS = {"explain": ["default/web-0"], "export": ["aws-vpc-cni"], "bundle": ["bundle.tar.gz"]}
LINES = {"events"}  # an object per line
OK_CODES = {"doctor": (0, 3, 4)}  # it finds what is wrong with the machine of the tests


def on_terminal(node, *arguments, **env):
    """What ipamctl writes when its standard output is a terminal."""
    ours, theirs = pty.openpty()
    variables = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": str(node.socket), **env}
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        with subprocess.Popen([node.build / "bin/ipamctl", *arguments], stdout=theirs, env=variables) as process:
            os.close(theirs)
            text = b""
            with contextlib.suppress(OSError):  # the other end is closed
                while piece := terminal.read(4096):
                    text += piece
        assert process.returncode == 0
    return text.decode()


def test_json_of_every_command(node, tmp_path):
    node.add_pod("web-0")
    usage = node.screen("--help").split("\ncommands:\n")[1].split("\n\n")[0]
    commands = [line.split()[0] for line in usage.splitlines()]
    assert {"status", "watch", "doctor"} <= set(commands)
    commands.remove("watch")  # test_watch()
    commands.remove("help")
    env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": str(node.socket), "VPCWIRE_DB": str(node.db)}
    for command in commands:
        program = ["ip", "netns", "exec", node.netns, node.build / "bin/ipamctl"]
        done = run(*program, "--json", command, *OPERANDS.get(command, []), env=env, cwd=tmp_path, check=False)
        assert done.returncode in OK_CODES.get(command, (0,)), (command, done.stderr)
        answers = [json.loads(line) for line in done.stdout.splitlines()] if command in LINES else [json.loads(done.stdout)]
        assert answers and all(isinstance(answer, dict) for answer in answers), command


def test_colours_are_for_terminals(node):
    node.add_pod("web-0")
    for command in (["status"], ["pods"], ["enis"], ["--last", "5", "events"], ["explain", "default/web-0"]):
        assert "\033[" in on_terminal(node, *command), command
        assert "\033" not in on_terminal(node, *command, NO_COLOR="1"), command
        assert "\033" not in node.screen(*command), command
    assert "\033[" in on_terminal(node, "pods", NO_COLOR=""), "empty is as unset"
    assert "\033" not in on_terminal(node, "--json", "status")


@pytest.mark.node(env={"MAX_ENI": "1", "IP_COOLDOWN_PERIOD": "0"})
def test_watch(node):
    """What happens from its start on, as it happens, in order, one JSON object per line."""
    node.wait_quiet(free=3)  # so that only pods make events
    env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_SOCKET": str(node.socket)}
    node.add_pod("before").delete()
    before = json.loads(node.screen("--json", "--last", "1", "events"))["id"]
    command = [node.build / "bin/ipamctl", "--json", "--events", "4", "watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as watch:

        def happens():
            node.add_pod("web-0").delete()
            return watch.poll() is not None

        wait_until(happens, 30, why="it has seen enough")
        seen = [json.loads(line) for line in watch.stdout]
    assert watch.returncode == 0
    ids = [event["id"] for event in seen]
    assert ids == list(range(ids[0], ids[0] + 4)) and ids[0] > before
    assert {event["kind"] for event in seen} >= {"lease-added", "lease-wired", "lease-released"}
