# SPDX-License-Identifier: Apache-2.0
"""
`kubectl vpcwire` where the cluster is odd: a kubectl that is played answers what no test cluster does at will. What is ordinary is tested
with Kubernetes' own API server (tests/foreign/test_kubectl_vpcwire.py).
"""
import ast
import hashlib
import io
import json
import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest
import yaml

from conftest import TOP

PLUGIN = TOP / "deploy/kubectl/kubectl-vpcwire"
DEADLINE_S = 120
PLAYED = f"""#!{sys.executable}
import json, os, sys, time
world = json.load(open(os.environ["PLAYED_CLUSTER"]))
words = [word for word in sys.argv[1:] if not word.startswith("-")]
if words[0] == "get":
    if "fails" in world:
        sys.exit(world["fails"])
    items = world[words[1]]
    if words[1] == "pods" and "--all-namespaces" not in sys.argv:
        items = [pod for pod in items if pod["metadata"]["namespace"] == "kube-system"]
    named = [word.partition("metadata.name=")[2] for word in sys.argv if word.startswith("--field-selector")]
    items = [item for item in items if not named or item["metadata"]["name"] in named]
    print(json.dumps({{"items": items}}))
elif words[0] == "logs":
    log = world["exec"][words[1]].get("previous" if "--previous" in sys.argv else "log")
    sys.exit("error: no log" if log is None else sys.stdout.write(log) and 0)
else:
    answer = world["exec"][words[1]]
    asked = os.environ["PLAYED_CLUSTER"] + ".again." + words[1]
    if os.path.exists(asked):
        answer = answer.get("again", answer)
    open(asked, "w").close()
    open(os.environ["PLAYED_CLUSTER"] + ".asked", "w").close()
    time.sleep(answer.get("sleep", 0))
    sys.stdout.buffer.write(answer.get("out", "").encode("latin1"))
    sys.stderr.write(answer.get("err", ""))
    sys.exit(answer.get("code", 0))
"""


def node(name, **labels):
    return {"metadata": {"name": name, "labels": labels}}


def daemon(on, name=None, **status):
    metadata = {"name": name or f"aws-{on}", "namespace": "kube-system"}
    return {"metadata": metadata, "spec": {"nodeName": on}, "status": {"phase": "Running", **status}}


def pod(name, on, address, **status):
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"metadata": metadata, "spec": {"nodeName": on}, "status": {"phase": "Running", "podIP": address, **status}}


def lease(name, address, **more):
    return {"pod_namespace": "default", "pod_name": name, "address": address, "eni_id": "eni-1", "since_ms": 0, "state": "wired", **more}


def leases(*those):
    return {"out": json.dumps({"enis": [], "leases": those})}


WELL = {"ready": True, "version": "0.1.0", "max_enis": 3, "addresses_per_eni": 3, "pool": {"leased": 2, "waiting": 0}, "blocked": [], "warnings": []}


def static_pod(name, on, address, its_hash):
    """As the API server has it: a mirror, with an uid of its own."""
    mirror = pod(name, on, address)
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": its_hash}
    return mirror


@pytest.fixture
def play(tmp_path):
    """play(world, *words): `kubectl-vpcwire WORDS` in that world."""
    played = tmp_path / "bin/kubectl"
    played.parent.mkdir()
    played.write_text(PLAYED)
    played.chmod(0o755)

    def play(world, *words, text=True):
        for asked in tmp_path.glob("world.json.again.*"):
            asked.unlink()
        (tmp_path / "world.json").write_text(json.dumps({"nodes": [], "pods": [], "exec": {}, **world}))
        env = {**os.environ, "PATH": f"{played.parent}:{os.environ['PATH']}", "PLAYED_CLUSTER": str(tmp_path / "world.json")}
        command = [sys.executable, str(PLUGIN), *words]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=text, timeout=DEADLINE_S)

    return play


def one_node(answer, **status):
    return {"nodes": [node("a")], "pods": [daemon("a", **status)], "exec": {"aws-a": answer}}


def crashing(reason):
    return {"containerStatuses": [{"name": "aws-node", "state": {"waiting": {"reason": reason, "message": "back-off 5m"}}}]}


@pytest.mark.parametrize(
    ("world", "ready", "why"),
    [
        (one_node({"out": json.dumps(WELL)}), "yes", ""),
        (one_node({"out": json.dumps({**WELL, "ready": False, "reason": "no EC2"}), "code": 1}), "no", "no EC2"),
        (one_node({"out": json.dumps({**WELL, "waiting_reason": "subnet s is full"})}), "yes", "subnet s is full"),
        (one_node({"err": "ipamctl: no ipamd at /x\ncommand terminated with exit code 1\n", "code": 1}), "no answer", "no ipamd at /x"),
        (one_node({"err": 'error: Internal error occurred: exec: "ipamctl": not found\n', "code": 1}), "no answer", '"ipamctl": not found'),
        (one_node({"out": '{"ready": tr', "code": 0}), "no answer", "is not JSON"),
        (one_node({"code": 137}), "no answer", "ended with exit code 137"),
        (one_node({"sleep": 60}), "no answer", "no answer within 2 s"),
        (one_node({}, **crashing("CrashLoopBackOff")), "no", "aws-node: CrashLoopBackOff back-off 5m"),
        (one_node({}, phase="Pending"), "no", "is not running: Pending"),
        ({"nodes": [node("a", **{"kubernetes.io/os": "windows"})]}, "-", "kubernetes.io/os is windows"),
        ({"nodes": [node("a")]}, "no pod", "no aws-node pod is on this node"),
    ],
)
def test_a_row(play, world, ready, why):
    done = play(world, "status", "--timeout", "2" if "within 2 s" in why else "60")
    row = done.stdout.splitlines()[1]
    assert re.split("  +", row)[1] == ready and (why in row if why else row.rstrip().endswith("0.1.0")), done.stdout
    assert done.returncode == (0 if ready in ("yes", "-") else 1) and done.stderr == ""


def test_a_node_that_is_not_ready(play):
    """Says so, where it does not answer: that is the cause."""
    world = one_node({"err": "error: dial tcp: timeout\n", "code": 1})
    world["nodes"][0]["status"] = {"conditions": [{"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}]}
    row = play(world, "status").stdout.splitlines()[1]
    assert row.endswith("dial tcp: timeout; Kubernetes says that the node is NotReady: Kubelet stopped posting node status.")


def test_a_reason_is_said_once_and_each_has_a_line(play):
    full = {"action": "grow", "subject": "", "reason": "all full", "until_ms": 0}
    now_ms = time.time() * 1000
    tries = [("assign", "denied", now_ms - 2000), ("create", "refused", now_ms + 3_599_000), ("attach", "refused", now_ms + 7_200_000), ("mark", "old", 1)]
    blocked = [full] + [{"action": action, "subject": "eni-1", "reason": reason, "until_ms": int(until_ms)} for action, reason, until_ms in tries]
    done = play(one_node({"out": json.dumps({**WELL, "waiting_reason": "all full", "blocked": blocked})}), "status")
    assert done.stdout.count("all full") == 1
    first, denied, refused, old = done.stdout.splitlines()[1:5]
    assert denied.strip() == "assign eni-1: denied (retrying now)" and denied.index("assign") == first.index("all full")
    assert re.fullmatch(r" *create eni-1: refused \(next try in (1h00m|59m\d\ds)\)", refused), "the first of its times"
    assert old.strip() == "mark eni-1: old", "where the clocks differ so much nothing is said of times"


def test_room(play):
    """A full node is ready, and says so; a node at its limit with addresses free has nothing to say."""
    grow = {"action": "grow", "subject": "", "reason": "all full", "until_ms": 0, "kind": "grow", "cause": "eni_limit"}
    none = {"room": "none", "room_summary": "none, 9 of 9 in use, t3.small's limit", "room_remedy": "a larger instance type"}
    full = {**WELL, "pool": {"leased": 8, "lost": 1, "waiting": 2}, "addresses_limit": 9, "waiting_reason": "no free address: 9 of 9", "blocked": [grow], **none}
    done = play(one_node({"out": json.dumps(full)}), "status")
    (line,) = done.stdout.splitlines()[1:2]
    assert done.returncode == 0 and line.split()[:4] == ["a", "yes", "9/9", "2"] and line.endswith("room: none, 9 of 9 in use, t3.small's limit; fix: a larger instance type")
    assert "no free address" not in done.stdout and "all full" not in done.stdout
    roomy = {**full, "pool": {"leased": 7, "waiting": 0}, "room": "available", "room_summary": "2 free, 7 of at most 9 in use", "room_remedy": None, "waiting_reason": None}
    done = play(one_node({"out": json.dumps(roomy)}), "status")
    assert done.stdout.splitlines()[1].split() == ["a", "yes", "7/9", "0", "0.1.0"]


def test_an_older_daemon_without_the_fields(play):
    done = play(one_node({"out": json.dumps({"ready": True})}), "status")
    assert done.returncode == 0 and done.stdout.splitlines()[1].split() == ["a", "yes", "?/?", "?", "?"]


def test_while_one_pod_replaces_another(play):
    """The one that stays is asked."""
    goes = daemon("a", "aws-old")
    goes["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    for pods in ([goes, daemon("a")], [daemon("a"), goes]):
        assert play({"nodes": [node("a")], "pods": pods, "exec": {"aws-a": {"out": json.dumps(WELL)}}}, "status").returncode == 0


DOWN = "ipamctl: ipamd is down; what follows is its database's\ncommand terminated with exit code 1\n"


def test_a_daemon_that_is_down_and_its_database_answers(play):
    """What the database says is shown, and that it is the database's."""
    status = {"ready": False, "reason": "ipamd does not answer", "pool": {"leased": 1, "waiting": 0}}
    row = play(one_node({"out": json.dumps(status), "err": DOWN, "code": 1}), "status").stdout.splitlines()[1:3]
    assert row[0].split() == ["a", "no", "1/?", "0", "?", *"ipamd does not answer".split()] and "database's" in row[1]
    done = play(one_node({**leases(lease("x", "10.0.0.1")), "err": DOWN, "code": 1}), "pods")
    assert done.returncode == 1 and "10.0.0.1" in done.stdout and done.stderr == "kubectl vpcwire: a: ipamd is down; what follows is its database's\n"


@pytest.mark.parametrize(("daemon_is", "said"), [("down", "ipamd is down"), ("silent", "ipamd does not answer")])
def test_since_when_the_daemon_is_down(play, daemon_is, said):
    """As ipamctl says it in its reply; of what it says to people, only one line of two would be shown."""
    reply = {"ready": False, "reason": "x", "pool": {}, "leases": [], "offline": {"daemon": daemon_is, "written_ms": 1700000000000}}
    played = {"out": json.dumps(reply), "err": "ipamctl: ipamd is down: why\nipamctl: down since then. What follows is from there\n", "code": 1}
    for command in ("status", "pods"):
        done = play(one_node(played), command)
        assert f"{said} since 2023-11-14T22:13:20Z (" in done.stdout + done.stderr and "What follows" not in done.stdout + done.stderr


def test_spans_are_written_as_ipamctl_does():
    plugin = {"__name__": "plugin"}
    exec(compile(PLUGIN.read_text(), PLUGIN, "exec"), plugin)
    assert [plugin["span"](s * 1000 + 999) for s in (-5, 0, 59, 725, 12000, 442800)] == ["0s", "0s", "59s", "12m05s", "3h20m", "5d3h"]
    assert [plugin["until"](ms) for ms in (-1, 0, 1, 59001, 59000)] == ["1s", "1s", "1s", "1m00s", "59s"]


def test_who_waits_is_among_the_pods(play):
    """Where ipamctl says it."""
    reply = {"leases": [lease("x", "10.0.0.1")], "waiting": [{"pod_namespace": "default", "pod_name": "y", "since_ms": 0, "deadline_ms": 1}]}
    done = play(one_node({"out": json.dumps(reply)}), "pods")
    assert [line.split()[1] for line in done.stdout.splitlines() if line.endswith("waits")] == ["default/y"]
    assert [row["pod_name"] for row in json.loads(play(one_node({"out": json.dumps(reply)}), "pods", "--json").stdout)["waiting"]] == ["y"]


def two_nodes(on_a, on_b, pods):
    return {"nodes": [node("a"), node("b")], "pods": [daemon("a"), daemon("b"), *pods], "exec": {"aws-a": on_a, "aws-b": on_b}}


def test_check_finds_an_address_that_two_have(play):
    world = two_nodes(leases(lease("x", "10.0.0.1")), leases(lease("y", "10.0.0.1")), [pod("x", "a", "10.0.0.1"), pod("y", "b", "10.0.0.1")])
    done = play(world, "check")
    assert done.returncode == 1 and done.stdout.count("leased 2 times") == 2, done.stdout
    assert "delete the pod" in done.stdout, "and what to do"


@pytest.mark.parametrize(
    ("held", "known", "what"),
    [
        (lease("x", "10.0.0.1", pod_uid="uid-x"), pod("x", "a", "10.0.0.1"), None),
        (lease("x", "10.0.0.1", pod_uid="hash"), static_pod("x", "a", "10.0.0.1", "hash"), None),
        (lease("x", "10.0.0.1", pod_uid="hash-older"), static_pod("x", "a", "10.0.0.1", "hash"), "leased to an earlier pod of this name"),
        (lease("x", "10.0.0.1", pod_uid="uid-older"), pod("x", "a", "10.0.0.1"), "leased to an earlier pod of this name"),
        (lease("x", "10.0.0.1"), pod("x", "a", "10.0.0.2"), "no lease for it"),
        (lease("x", "10.0.0.1", addresses=[{"address": "10.0.0.1"}, {"address": "10.0.0.2"}]), pod("x", "a", "10.0.0.2"), None),
        (lease("x", "10.0.0.1"), pod("x", "a", "10.0.0.2", phase="Succeeded"), None),
        ({**lease(None, "10.0.0.1"), "pod_namespace": None}, pod("x", "b", None), None),
    ],
)
def test_check(play, held, known, what):
    done = play(two_nodes(leases(held), leases(), [known]), "check")
    assert done.returncode == (1 if what else 0) and (what or "all agree") in done.stdout, done.stdout + done.stderr


def test_check_says_which_nodes_were_not_looked_at(play):
    done = play(two_nodes(leases(), {"err": "error: gone\n", "code": 1}, [pod("x", "b", "10.0.0.9")]), "check")
    assert done.returncode == 1 and "b: gone" in done.stderr and "no lease" not in done.stdout


def test_check_keeps_what_a_node_said_that_did_not_answer_twice(play):
    """What could not be looked at again is no agreement."""
    on_a = {**leases(lease("gone", "10.0.0.1")), "again": {"err": "error: timed out\n", "code": 1}}
    done = play(two_nodes(on_a, leases(), []), "check")
    assert done.returncode == 1 and "Kubernetes has no such pod" in done.stdout and "a: timed out" in done.stderr, done.stdout + done.stderr
    passing = {**leases(lease("gone", "10.0.0.1")), "again": leases()}
    done = play(two_nodes(passing, leases(), []), "check")
    assert done.returncode == 0 and "all agree" in done.stdout


def history(*kinds, **more):
    """What ipamctl --json explain says, and, as the played kubectl does not tell them apart, its text."""
    return {"out": json.dumps({"leases": [], "events": [{"kind": kind} for kind in kinds], **more})}


@pytest.mark.parametrize(
    ("on_a", "on_b", "shown"),
    [
        (history("lease-released"), {}, ["a"]),  # where Kubernetes has it: b is not asked
        (history("boot"), history("lease-released"), ["b"]),
        (history("lease-released"), history("lease-released"), ["a"]),
        (history("boot"), {**history("boot"), "code": 1}, []),
    ],
)
def test_explain(play, on_a, on_b, shown):
    done = play(two_nodes(on_a, on_b, [pod("x", "a", "10.0.0.1")]), "explain", "x")
    assert [line[0] for line in done.stdout.splitlines() if line in ("a:", "b:")] == shown, done.stdout
    assert "Kubernetes: default/x: Running on a, address 10.0.0.1" in done.stdout
    assert done.returncode == (0 if shown else 1) and ("knows of x" in done.stderr) == (not shown), done.stderr


def test_explain_says_who_was_not_asked(play):
    done = play(two_nodes(history("boot"), {"err": "error: gone\n", "code": 1}, []), "explain", "x")
    assert done.returncode == 1 and done.stderr == "kubectl vpcwire: b: gone\nkubectl vpcwire: no node that answered knows of x\n"


@pytest.mark.parametrize("address", ["10.0.0.1", "2001:db8::1"])
def test_explain_an_address(play, address):
    """No pod of that name is looked for, and a node that has it says so, also without a history."""
    done = play(two_nodes(history("boot", now={"known": True}), history("boot", now={"known": False}), [pod(address, "b", address)]), "explain", address)
    assert done.returncode == 0 and "\na:\n" in done.stdout and "\nb:\n" not in done.stdout and "Kubernetes:" not in done.stdout


def archive(**files):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue().decode("latin1")


OURS = '{"time":"2026-01-01T00:00:00.000Z","level":"info","msg":"serving"}\n'
BUNDLE = {"out": archive(status="well"), "log": OURS + "token=another program's\n", "previous": OURS}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (BUNDLE, None),
        ({"out": "-\n"}, "is older than this plugin"),
        ({"out": archive(status="well")[:-20]}, "or the connection broke"),
        ({"out": archive(status="well")[:-8] + "\0" * 8}, "or the connection broke"),  # its sum is wrong
        ({"out": "\x1f\x8bhalf", "err": "ipamctl: disk full\ncommand terminated with exit code 1\n", "code": 1}, "disk full"),
        ({"sleep": 60}, "no complete bundle within 10 s"),
    ],
)
def test_bundle(play, tmp_path, answer, why):
    """A file that is whole, and its owner's alone; or none. The other node's comes all the same."""
    folder = tmp_path / "made/here"
    done = play(two_nodes(answer, BUNDLE, []), "bundle", "--all", "--output", str(folder), "--timeout", "10")
    names = sorted(path.name.rsplit("-", 1)[0] for path in folder.iterdir())
    assert names == (["vpcwire-b"] if why else ["vpcwire-a", "vpcwire-b"]), done.stderr
    assert done.returncode == (1 if why else 0) and (why or "") in done.stderr
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert inside(path) == {"status": "well", "logs/aws-node.log": OURS + "(not shown)\n", "logs/aws-node.previous.log": OURS}


def inside(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read().decode() for member in tar}


def test_a_bundle_without_logs_is_one(play, tmp_path):
    """A container that has not ended has no log of before; and rights may be missing."""
    assert play(one_node({"out": BUNDLE["out"]}), "bundle", "a", "-o", "mine").returncode == 0
    assert inside(tmp_path / "mine") == {"status": "well"}
    piped = play(one_node({"out": BUNDLE["out"]}), "bundle", "a", "-o", "-", text=False)
    (tmp_path / "piped").write_bytes(piped.stdout)
    assert piped.returncode == 0 and inside(tmp_path / "piped") == {"status": "well"}


@pytest.mark.parametrize("output", ["-", "b.tar.gz"])
def test_a_bundle_of_a_node_that_gets_no_pod(play, tmp_path, output):
    done = play({"nodes": [node("a", **{"kubernetes.io/os": "windows"})]}, "bundle", "a", "-o", output)
    assert done.returncode == 1 and done.stderr.startswith("kubectl vpcwire: a: kubernetes.io/os is windows") and done.stdout == ""
    assert play({"nodes": [node("a", **{"kubernetes.io/os": "windows"})]}, "bundle", "--all").returncode == 0


def test_a_bundle_of_a_node_named_twice_is_one(play, tmp_path):
    assert len(play(one_node(BUNDLE), "bundle", "a", "a").stdout.splitlines()) == len(list(tmp_path.glob("vpcwire-a-*.tar.gz"))) == 1


def test_bundles_need_a_folder_that_can_be_made(play, tmp_path):
    (tmp_path / "mine").write_text("mine")
    done = play(one_node(BUNDLE), "bundle", "--all", "-o", "mine")
    assert done.returncode == 1 and done.stderr == "kubectl vpcwire: --output mine: File exists; it must be a folder\n"
    done = play(one_node(BUNDLE), "bundle", "a", "-o", "no/such/folder")
    assert done.returncode == 1 and "no/such/folder.part: No such file or directory" in done.stderr


def test_a_bundle_is_written_over_nothing(play, tmp_path):
    (tmp_path / "mine").write_text("mine")
    done = play(one_node(BUNDLE), "bundle", "a", "-o", "mine")
    assert done.returncode == 1 and "mine exists already" in done.stderr and (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["statsu"], "there is no command statsu; did you mean status?"),
        (["help", "nonsense"], "there is no command nonsense"),
        (["bundle"], "bundle needs NODE or --all"),
        (["bundle", "a", "--all"], "bundle needs NODE or --all"),
        (["bundle", "--all", "-o", "-"], "--output - is for one node"),
        (["bundle", "a", "b", "-o", "one.tar.gz"], "--output FILE is for one node"),
        (["doctor"], "required: NODE"),
        (["explain"], "required: POD|ADDRESS"),
        (["status", "--jsn"], "unrecognized arguments: --jsn"),
        (["status", "--timeout", "0"], "0 is not a number of seconds from 1 up"),
        (["explain", "x", "--json"], "unrecognized arguments: --json"),
        ([], "usage: kubectl vpcwire"),
    ],
)
def test_wrong_usage(play, words, said):
    done = play({"nodes": [node("a"), node("b")], "pods": [daemon("a"), daemon("b")]}, *words)
    assert done.returncode == 2 and said in done.stderr and done.stdout == "", done.stderr


@pytest.mark.parametrize("words", [["--help"], ["help"], ["help", "explain"], ["explain", "--help"]])
def test_help(play, words):
    done = play({}, *words)
    assert done.returncode == 0 and "exit codes: 0" in done.stdout and done.stderr == ""


def test_a_cluster_that_cannot_be_asked(play, tmp_path):
    done = play({"fails": "error: the server has asked for the client to provide credentials"}, "status")
    assert done.returncode == 3 and done.stderr == "kubectl vpcwire: kubectl get pods: the server has asked for the client to provide credentials\n"
    (tmp_path / "bin/kubectl").unlink()
    env = {**os.environ, "PATH": str(tmp_path / "bin")}
    alone = subprocess.run([sys.executable, str(PLUGIN), "status"], env=env, capture_output=True, text=True, timeout=DEADLINE_S)
    assert alone.returncode == 3 and "kubectl cannot be run" in alone.stderr


def test_a_reader_that_has_seen_enough(play, tmp_path):
    play(one_node({"out": json.dumps(WELL)}), "status")
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PLAYED_CLUSTER": str(tmp_path / "world.json")}
    line = f"{sys.executable} {PLUGIN} status --json | true"
    done = subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.stderr == ""


def test_interrupted(play, tmp_path):
    """Ctrl-C ends it at once and without a word, however many nodes are asked."""
    world = tmp_path / "world.json"
    play(one_node({"sleep": 2 * DEADLINE_S}), "help")
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PLAYED_CLUSTER": str(world)}
    process = subprocess.Popen(
        [sys.executable, str(PLUGIN), "status"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # also where whoever started us has it ignored
    )
    end = time.monotonic() + DEADLINE_S
    while not pathlib.Path(f"{world}.asked").exists() and time.monotonic() < end:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=DEADLINE_S)[0] == "" and process.returncode == 130


def test_it_is_python_3_8():
    ast.parse(PLUGIN.read_text(), feature_version=(3, 8))


def test_the_nodes_without_a_pod_are_those_of_the_daemonset():
    """LEFT_OUT, held against the node affinity of the manifest."""
    spec = yaml.safe_load((TOP / "deploy/kubernetes/daemonset.yaml").read_text())["spec"]["template"]["spec"]
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    wanted = [(e["key"], tuple(e["values"]) * (e["operator"] == "In"), tuple(e["values"]) * (e["operator"] == "NotIn")) for e in term["matchExpressions"]]
    (value,) = [n.value for n in ast.parse(PLUGIN.read_text()).body if isinstance(n, ast.Assign) and n.targets[0].__dict__.get("id") == "LEFT_OUT"]
    assert ast.literal_eval(value) == tuple(wanted)


def test_krew_s_manifest(tmp_path):
    """The archive has the plugin as a program, the manifest its checksum; both are the same whenever they are made."""
    for name in ("one", "two"):
        subprocess.run([sys.executable, str(TOP / "deploy/kubectl/pack.py"), "https://example.org/kubectl-vpcwire.zip", str(tmp_path / name)], check=True)
    archive = (tmp_path / "one/kubectl-vpcwire.zip").read_bytes()
    assert archive == (tmp_path / "two/kubectl-vpcwire.zip").read_bytes()
    manifest = yaml.safe_load((tmp_path / "one/vpcwire.yaml").read_text())
    (platform,) = manifest["spec"]["platforms"]
    assert platform["uri"] == "https://example.org/kubectl-vpcwire.zip" and platform["sha256"] == hashlib.sha256(archive).hexdigest()
    with zipfile.ZipFile(tmp_path / "one/kubectl-vpcwire.zip") as opened:
        (entry, license) = opened.infolist()  # krew's index wants the license in it
        assert license.filename == "LICENSE" and b"Apache License" in opened.read(license)
        assert entry.filename == platform["bin"] and stat.S_IMODE(entry.external_attr >> 16) == 0o755
        assert opened.read(entry) == PLUGIN.read_bytes()
    version = (TOP / "CMakeLists.txt").read_text().split("VERSION ", 2)
    assert any(text.startswith(manifest["spec"]["version"][1:]) for text in version)
    assert len(manifest["spec"]["shortDescription"]) <= 50 and manifest["metadata"]["name"] == "vpcwire"
