# SPDX-License-Identifier: Apache-2.0
"""deploy/demo.sh, as a newcomer types it: it holds, ends clean when it is interrupted, and can be kept and stopped."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from vpc import netns, patient, wait_until

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


def test_demo_kept_and_stopped():
    process = start("--keep")
    text = process.communicate(timeout=DEADLINE_S)[0]
    stop = re.search(r"--stop (\w+)", text)
    assert process.returncode == 0 and stop, text
    assert f"{stop[1]}-node1" in netns.names(stop[1])
    done = subprocess.run([str(DEMO), "--stop", stop[1]], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert netns.names(stop[1]) == [] and not pathlib.Path(f"/run/vpcwire-demo-{stop[1]}").exists()


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
