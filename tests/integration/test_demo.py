# SPDX-License-Identifier: Apache-2.0
"""
deploy/demo.sh, as a newcomer types it: it holds, ends clean when it is interrupted, and can be kept, looked at and stopped. README's lines
for a node and for the demo are typed in it.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request

import pytest

from vpc import netns, patient, readme, wait_until
from vpc.process import first_line

# They share build/release: one after the other.
pytestmark = pytest.mark.xdist_group("demo")

TOP = pathlib.Path(__file__).resolve().parents[2]
DEMO = TOP / "deploy/demo.sh"
DEADLINE_S = patient(240)


def start(*arguments):
    """SIGINT works in it, also where whoever started us has it ignored (a shell's background job)."""
    return subprocess.Popen(
        [str(DEMO), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(process):
    """Its whole output, and that its names are gone."""
    text = process.communicate(timeout=DEADLINE_S)[0]
    name = f"d{process.pid:x}"
    assert netns.names(name) == [] and not pathlib.Path(f"/run/vpcwire-demo-{name}").exists(), text
    return text


def test_demo_holds():
    process = start()
    text = finish(process)
    assert process.returncode == 0, text
    for line in ("ipamctl status", "ipamctl pods", "source seen: 203.0.113.", "nothing is left"):
        assert line in text, text
    assert "FAILED" not in text


def test_demo_interrupted_leaves_nothing():
    process = start()
    folder = pathlib.Path(f"/run/vpcwire-demo-d{process.pid:x}")
    wait_until(lambda: (folder / "node1").is_dir() or process.poll() is not None, DEADLINE_S, why="ipamd is being started")
    os.kill(process.pid, signal.SIGINT)
    text = finish(process)
    assert process.returncode == 130, text


@pytest.fixture(scope="module")
def kept():
    """The name of a demo that was left running. It is stopped at the end, also what shows its page, and nothing is left."""
    process = start("--keep")
    name = f"d{process.pid:x}"
    try:
        text = process.communicate(timeout=DEADLINE_S)[0]
        assert process.returncode == 0 and f"  sudo deploy/demo.sh stop {name}" in text.splitlines(), text
        assert f"{name}-node1" in netns.names(name)
        yield name
        shown, _ = page(name)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=DEADLINE_S)
        done = demo("stop", name)
    shown.communicate(timeout=DEADLINE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert netns.names(name) == [] and not pathlib.Path(f"/run/vpcwire-demo-{name}").exists()


def demo(*arguments, **kwargs):
    kwargs = {"capture_output": True, "text": True, "timeout": DEADLINE_S, **({} if "input" in kwargs else {"stdin": subprocess.DEVNULL}), **kwargs}
    return subprocess.run([str(DEMO), *arguments], **kwargs)


def enter(kept, *command, **kwargs):
    return demo("enter", "--name", kept, "node1", *command, **kwargs)


# What lines of the block "On a node" say in a healthy demo.
SAYS = {
    "ipamctl status": "ready      yes",
    "ipamctl pods": "demo/node1-pod1",
    "ipamctl explain demo/node1-pod1": "wired",
    "ipamctl log-level debug": "debug",
    "man ipamctl ipamd vpcwire": "VPCWIRE(8)",
    "curl -s localhost:61679": "<!DOCTYPE html>",
    "ls /run/vpcwire": "ipam.db",
    "sqlite3 -readonly /run/vpcwire/ipam.db 'select * from pods'": "node1-pod1",
}
NODE_LINES = readme.lines("On a node")


@pytest.mark.parametrize("line", NODE_LINES)
def test_readme_s_lines_for_a_node(kept, tmp_path, line):
    """As they stand. python3 is that of the tests, which has PyPI's varlink."""
    shell = f"PATH={pathlib.Path(sys.executable).parent}:$PATH && set -e && {line}"
    done = enter(kept, "bash", "-c", shell, cwd=tmp_path, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    assert SAYS.get(line, "") in done.stdout, done.stdout
    assert bool(list(tmp_path.glob("vpcwire-*.tar.gz"))) == (line == "ipamctl bundle"), "files are written where one stands"
    assert done.stdout or line == "ipamctl imports", "nothing was said"


def test_what_they_say_is_of_lines_that_are_there():
    assert set(SAYS) <= set(NODE_LINES) and len(NODE_LINES) > 15


def test_readme_s_lines_for_the_demo(kept):
    """Ours is named, because others may have a demo here, too. `kept` begins with the first line, and ends with the last."""
    keep, *lines, stop = [line.split()[1:] for line in readme.lines("In the demo")]
    assert (keep, stop) == (["deploy/demo.sh", "--keep"], ["deploy/demo.sh", "stop"]) and {line[1] for line in lines} == {"enter", "page"}
    for program, verb, *words in lines:
        assert TOP / program == DEMO
        if verb == "page":
            end_page(page(kept, *words)[0])
        else:
            done = demo(verb, "--name", kept, *words, input="ipamctl status\n")
            assert done.returncode == 0 and "ready      yes" in done.stdout, done.stdout + done.stderr


def test_a_node_is_another_host(kept):
    """Its own /run/vpcwire, plugin and configuration, of which this machine sees nothing."""
    seen = enter(kept, "bash", "-c", "ls /opt/cni/bin/vpcwire /etc/cni/net.d/10-aws.conflist /run/vpcwire/ipamd.sock").stdout.split()
    assert len(seen) == 3 and not any(pathlib.Path(path).exists() for path in seen)
    nodes = [demo("enter", "--name", kept, node, "ipamctl", "--json", "status").stdout for node in ("node1", "node2")]
    assert len({json.loads(text)["node"]["instance_id"] for text in nodes}) == 2


def test_a_shell_on_a_node(kept):
    done = enter(kept, input="ipamctl health live; man -w ipamctl; exit 7\n")
    assert done.returncode == 7 and done.stdout.splitlines()[0] == "ok" and "man8/ipamctl.8" in done.stdout, done.stdout + done.stderr


def page(kept, *node):
    """demo.sh page while it runs, and the address that it printed."""
    process = start("page", "--name", kept, *node)
    line = first_line(process)
    assert line.startswith("http://127.0.0.1:"), line + process.communicate(timeout=DEADLINE_S)[0]
    return process, line.split()[0]


def end_page(process):
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=DEADLINE_S)[0] == "" and process.returncode == 0


def test_the_page_of_a_node(kept):
    """For a browser here; two at a time have two ports; Ctrl-C ends it."""
    one, of_node1 = page(kept)
    other, of_node2 = page(kept, "node2")
    with urllib.request.urlopen(of_node1, timeout=DEADLINE_S) as reply:
        assert b"<!DOCTYPE html>" in reply.read()
    ids = [json.load(urllib.request.urlopen(f"{url}v1/node", timeout=DEADLINE_S))["status"]["node"]["instance_id"] for url in (of_node1, of_node2)]
    assert len(set(ids)) == 2
    end_page(one)
    end_page(other)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (":", ""),  # interrupted before a node was started
        ("mkdir /run/vpcwire", "vpcwire"),  # the host's own
        ("mkdir /run/vpcwire; touch /run/vpcwire-demo.made", ""),
        ("mkdir /run/vpcwire /run/vpcwire-demo-d2; touch /run/vpcwire-demo.made", "vpcwire vpcwire-demo-d2 vpcwire-demo.made"),  # another runs
    ],
)
def test_only_what_a_demo_made_is_removed(before, after):
    script = f"mount -t tmpfs test /run; mkdir /run/vpcwire-demo-d1; {before}; {DEMO} stop d1; code=$?; echo left: $(ls /run | grep vpcwire); exit $code"
    done = subprocess.run(["unshare", "--mount", "bash", "-c", script], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == f"left: {after}".strip(), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["enter", "--name", "dffffffff", "node1"], "no demo 'dffffffff' is running"),
        (["stop", "../../etc"], "no demo '../../etc' is running"),
        (["enter", "--name"], "--name of which demo?"),
        (["nonsense"], "unknown argument 'nonsense'"),
    ],
)
def test_wrong_usage(arguments, said):
    done = demo(*arguments)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_a_node_that_is_not_there(kept):
    done = demo("enter", "--name", kept, "node3")
    assert done.returncode == 2 and "there is no node 'node3'; there are node1 node2" in done.stderr


@pytest.mark.parametrize("script", ["deploy/demo.sh", "tests/run.sh"])
def test_help_needs_no_root(script):
    done = subprocess.run([str(TOP / script), "--help"], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0 and "usage: sudo" in done.stdout


@pytest.mark.parametrize("bench", sorted((TOP / "tests/bench").glob("*.py")), ids=lambda path: path.name)
def test_benchmarks_start_without_the_tests_packages(bench):
    """Debian's own Python: what they need from PyPI they ask for where they need it."""
    done = subprocess.run(["/usr/bin/python3", str(bench), "--help"], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr


def test_demo_says_why_it_needs_root():
    with tempfile.TemporaryDirectory() as folder:  # the checkout itself may be out of reach for others than root
        os.chmod(folder, 0o755)
        shutil.copytree(TOP / "deploy", f"{folder}/deploy")
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        done = subprocess.run([*nobody, f"{folder}/deploy/demo.sh"], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 1 and "root is needed to make network namespaces" in done.stderr, done.stderr
