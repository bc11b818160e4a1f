# SPDX-License-Identifier: Apache-2.0
"""The Debian package, the IAM policies and the page of settings."""
import json
import re
import subprocess

import pytest

from conftest import BUILD, TOP, json_file, run


def test_the_page_of_settings_is_fresh():
    assert (TOP / "deploy/SETTINGS.md").read_text() == run(BUILD / "bin/ipamd", "settings"), "build/release/bin/ipamd settings > deploy/SETTINGS.md"


def test_the_page_of_the_kernel_is_fresh():
    assert (TOP / "deploy/KERNEL.md").read_text() == run(BUILD / "bin/ipamd", "kernel"), "build/release/bin/ipamd kernel > deploy/KERNEL.md"


def test_the_readme_names_the_oldest_kernel():
    page = (TOP / "deploy/KERNEL.md").read_text()
    minimum, oldest = re.search(r"Linux (\S+) is the minimum,\n(\S+) the oldest", page).groups()
    readme = (TOP / "README.md").read_text()
    assert f"{oldest} is the oldest kernel" in readme and f"{minimum} is the minimum" in readme
    assert minimum in re.findall(r" \| (\d+\.\d+) \| ", page), "a feature says why"


def test_the_package_installs_its_plugin(shipped, tmp_path):
    """The programs as packaged, stripped, run; the plugin is static and small."""
    files = shipped / "files"
    assert run(files / "usr/sbin/ipamd", "--version").startswith("ipamd ")
    assert "usage:" in run(files / "usr/bin/ipamctl", "--help")
    plugin = files / "usr/lib/vpcwire/vpcwire"
    assert plugin.stat().st_size < 2_000_000
    env = {"HOST_CNI_BIN_PATH": str(tmp_path / "bin"), "VPCWIRE_PLUGIN": str(plugin), "VPCWIRE_CONF": str(tmp_path / "none")}
    run(files / "usr/sbin/ipamd", "install", env=env)
    done = subprocess.run([tmp_path / "bin/vpcwire"], input="{}", capture_output=True, text=True, env={"CNI_COMMAND": "VERSION"}, check=True)
    assert "1.1.0" in json.loads(done.stdout)["supportedVersions"]


def test_the_package_names_its_libraries(shipped):
    control = (shipped / "control/control").read_text()
    depends = re.search(r"^Depends: (.*)$", control, re.M).group(1)
    for library in ("libcurl4", "libsqlite3-0", "libnftables1", "libuv1", "ca-certificates"):
        assert library in depends
    for script in ("postinst", "prerm"):
        assert (shipped / "control" / script).stat().st_mode & 0o111


def test_the_package_has_its_license_and_what_changed(shipped):
    """As every file's SPDX line says; the image keeps of share/doc what is called copyright."""
    folder = shipped / "files/usr/share/doc/vpcwire"
    assert (folder / "copyright").read_bytes() == (TOP / "deploy/LICENSE").read_bytes()
    assert "Apache License" in (folder / "copyright").read_text()
    version = run(BUILD / "bin/ipamd", "--version").split()[1]
    assert re.search(rf"^## \[({re.escape(version)}|Unreleased)\]$", (folder / "CHANGELOG.md").read_text(), re.M)


def used_actions():
    table = (TOP / "ipamd/model/ec2.c").read_text()
    return {"ec2:" + name for name in re.findall(r'^\s*\[EC2_ACTION_\w+\] = "(\w+)"', table, re.M)}


def test_every_action_is_called():
    """Each action that the code has is sent by it, and each function that sends one is called by the daemon."""
    calls = "".join((TOP / "ipamd/cloud" / name).read_text() for name in ("ec2_actions.c", "ec2_describe.c"))
    actions = re.findall(r"^\s*\[(EC2_ACTION_\w+)\] = ", (TOP / "ipamd/model/ec2.c").read_text(), re.M)
    assert len(actions) == len(used_actions())
    assert [name for name in actions if not re.search(rf"\b{name}\b", calls)] == []
    functions = re.findall(r"^int ec2_(\w+)\(", calls, re.M)
    daemon = "".join(path.read_text() for path in (TOP / "ipamd/reconcile").glob("*.c"))
    assert len(functions) >= len(actions)
    assert [name for name in functions if not re.search(rf"->ops->{name}\(", daemon)] == []


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("name", ["policy", "policy-cluster"])
def test_a_policy_is_there_for_each_partition(name, partition):
    """A policy whose names are of another partition is refused there, or allows nothing."""
    ours = (TOP / f"deploy/iam/{name}.json").read_text()
    made = ours.replace("arn:aws:", f"arn:{partition}:")
    path = TOP / f"deploy/iam/{name}-{partition.removeprefix('aws-')}.json"
    assert made != ours and path.read_text() == made, f"sed s/arn:aws:/arn:{partition}:/g deploy/iam/{name}.json > {path}"


@pytest.mark.parametrize("name", ["policy.json", "policy-cluster.json"])
def test_a_policy_has_what_the_code_asks_for_and_no_more(name):
    policy = json_file(f"deploy/iam/{name}")
    assert policy["Version"] == "2012-10-17"
    allowed = set()
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow" and set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        allowed |= set([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    assert len(used_actions()) >= 10
    assert allowed == used_actions()


def test_the_clusters_policy_is_narrow():
    """What changes something is bound to the cluster's tag, the VPC, or the create call."""
    for statement in json_file("deploy/iam/policy-cluster.json")["Statement"]:
        assert statement["Sid"] == "Look" or statement["Condition"], statement


def test_the_shipped_conflist_calls_us_under_the_name_that_others_chain_to():
    conflist = json_file("deploy/cni/10-aws.conflist")
    assert conflist["plugins"][0]["type"] == "vpcwire" and conflist["name"] == "aws-cni"
