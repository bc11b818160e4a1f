# SPDX-License-Identifier: Apache-2.0
"""`ipamd install`, the conflist that the daemon announces, and `ipamd uninstall`: whole or not at all, and taken back exactly."""
import contextlib
import json
import pathlib
import shutil
import stat
import subprocess

import pytest

from test_pod_links import CHANGES, change as change_link
from vpc import wait_until
from vpc.host import SAVED, Host
from vpc.process import BUILD

@pytest.fixture
def host(make_node, tmp_path):
    return Host(make_node("n1", start=False), tmp_path)


def test_conflist_comes_when_the_daemon_can_serve(vpc, host):
    vpc.ctl("set-faults", rules=[{"action": "DescribeNetworkInterfaces", "effect": "error", "code": "Unavailable", "status": 503}])
    host.run("install")
    assert host.names() == ["vpcwire"]
    assert stat.S_IMODE(host.plugin.stat().st_mode) == 0o755
    assert host.plugin.read_bytes() == (BUILD / "bin/vpcwire").read_bytes()
    host.node.start(wait=False)
    wait_until(lambda: vpc.ctl("faults")["rules"][0]["hits"] >= 1, 30, why="EC2 refuses")
    assert not host.node.status()["ready"] and not host.conflist.exists()
    vpc.ctl("set-faults", rules=[])
    host.node.wait_ready()
    host.wait_conflist()
    assert host.conflist.read_text() == host.template.read_text()
    assert stat.S_IMODE(host.conflist.stat().st_mode) == 0o644
    host.conflist.unlink()
    host.wait_conflist()  # somebody took it away
    host.node.stop()
    host.run("install")
    assert host.names() == ["10-aws.conflist", "vpcwire"], "a restart in the same boot leaves it"


def test_a_new_boot_starts_without_conflist(host):
    host.run("install")
    host.node.start()
    host.wait_conflist()
    host.node.stop()
    host.marker.write_text("00000000-0000-0000-0000-000000000000\n")
    assert "earlier boot" in host.run("install")
    assert host.names() == ["vpcwire"]


def systemd_tmpfiles(host, *options):
    subprocess.run(["systemd-tmpfiles", f"--root={host.template.parent}/host", "--remove", *options], check=True)


def test_a_boot_begins_without_conflist(host):
    """Before any runtime starts: systemd removes it by our rule."""
    host.node.env["HOST_TMPFILES_PATH"] = str(host.tmpfiles)
    host.tmpfiles.mkdir(parents=True)
    host.run("install")
    host.node.start()
    host.wait_conflist()
    host.node.stop()
    (host.conf / "99-other.conflist").write_text("{}")
    systemd_tmpfiles(host)
    assert host.conflist.exists(), "not while the node runs"
    systemd_tmpfiles(host, "--boot")
    assert host.names() == ["99-other.conflist", "vpcwire"]
    host.run("uninstall")
    assert list(host.tmpfiles.iterdir()) == []


@pytest.mark.parametrize(
    "setting, says",
    [("/host/etc/tmpfiles", "must end in /etc/tmpfiles.d"), ("/elsewhere/etc/tmpfiles.d", "is not below '/elsewhere'")],
)
def test_no_rule_for_a_boot_is_no_reason_to_fail(host, setting, says):
    assert says in host.run("install", HOST_TMPFILES_PATH=setting)
    assert host.names() == ["vpcwire"]


def write_plugin(host, name, text):
    host.bin.mkdir(parents=True, exist_ok=True)
    (host.bin / name).write_text(text)
    (host.bin / name).chmod(0o755)


def versions(host):
    host.run("install")
    host.node.start()
    host.wait_conflist()
    host.node.stop()
    return json.loads(host.conflist.read_text())["cniVersions"]


CAN = """#!/bin/sh
test "$CNI_COMMAND" = VERSION && grep -q cniVersion && echo '{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0","1.1.0"]}'
"""


def test_status_is_asked_where_all_plugins_can(host):
    """Runtimes call every plugin with one version, the highest of the list, and STATUS is there from 1.1.0 on."""
    write_plugin(host, "portmap", CAN)
    assert versions(host) == ["0.4.0", "1.0.0", "1.1.0"]
    write_conflist(host, lambda conflist: conflist["plugins"].append(ISTIO))
    resync_again(host)
    host.node.stop()
    assert versions(host) == ["0.4.0", "1.0.0"], "nobody knows what that one can"
    write_plugin(host, "istio-cni", CAN)
    host.run("install")
    resync_again(host)
    host.node.stop()
    assert versions(host) == ["0.4.0", "1.0.0", "1.1.0"]


@pytest.mark.parametrize(
    "portmap",
    [
        CAN.replace(',"1.1.0"', ""),  # as Debian 12's
        "#!/bin/sh\nexit 1\n",
        "#!/bin/sh\necho nonsense\n",
        "#!/bin/sh\nexec sleep 3600\n",  # is ended
        "no program",
        None,
    ],
)
def test_status_is_not_offered_to_plugins_that_cannot(host, portmap):
    if portmap:
        write_plugin(host, "portmap", portmap)
    assert versions(host) == ["0.4.0", "1.0.0"]


def test_a_new_boot_brings_no_other_conflist_back(host):
    """aws-vpc-cni's, which ours replaced, would call its plugin, whose daemon is gone. It comes back with the uninstallation."""
    host.conf.mkdir(parents=True)
    theirs = json.dumps({"cniVersion": "0.4.0", "name": "aws-cni", "plugins": [{"type": "aws-cni"}]})
    host.conflist.write_text(theirs)
    host.run("install")
    host.node.start()
    host.wait_conflist()
    assert host.conflist.read_text() != theirs
    host.node.stop()
    host.marker.write_text("00000000-0000-0000-0000-000000000000\n")
    host.run("install")
    assert not host.conflist.exists()
    host.node.start()
    host.wait_conflist()
    host.node.stop()
    host.run("uninstall")
    assert host.conflist.read_text() == theirs


def test_what_was_there_comes_back(host):
    host.bin.mkdir(parents=True)
    host.conf.mkdir(parents=True)
    (host.bin / "aws-cni").write_text("the other plugin")
    (host.bin / "portmap").write_text("a third one")
    theirs = {"cniVersion": "0.4.0", "name": "aws-cni", "plugins": [{"type": "aws-cni"}]}
    host.conflist.write_text(json.dumps(theirs))
    host.node.env["VPCWIRE_AWS_CNI_LINK"] = "true"
    host.run("install")
    assert (host.bin / "aws-cni").readlink() == pathlib.Path("vpcwire")
    assert json.loads(host.conflist.read_text()) == theirs, "the other daemon may still serve"
    host.node.start()
    host.wait_conflist()
    assert host.conflist.read_text() == host.template.read_text()
    host.run("install")
    assert host.names() == sorted(["10-aws.conflist", "10-aws.conflist" + SAVED, "aws-cni", "aws-cni" + SAVED, "portmap", "vpcwire"])
    host.node.stop()
    host.run("uninstall")
    assert host.names() == ["10-aws.conflist", "aws-cni", "portmap"]
    assert json.loads(host.conflist.read_text()) == theirs and (host.bin / "aws-cni").read_text() == "the other plugin"
    assert host.network() == ([], [], [])
    host.run("uninstall")  # a second time changes nothing
    assert host.names() == ["10-aws.conflist", "aws-cni", "portmap"]


ISTIO = {"type": "istio-cni", "kubernetes": {"cni_bin_dir": "/opt/cni/bin"}}


def write_conflist(host, change):
    """As a mesh does it: read, changed, and moved into its place."""
    conflist = json.loads(host.conflist.read_text())
    change(conflist)
    temporary = host.conf / "10-aws.conflist.new"
    temporary.write_text(json.dumps(conflist, indent=4))
    temporary.rename(host.conflist)
    return conflist


def resync_again(host):
    """The daemon starts anew, and has looked at the conflist."""
    host.node.stop()
    host.marker.unlink()
    host.node.start()
    wait_until(host.marker.exists, 30, why="the daemon looked")


def test_what_others_write_into_the_conflist_stays(host):
    host.run("install")
    host.node.start()
    host.wait_conflist()
    write_conflist(host, lambda conflist: conflist["plugins"].append(ISTIO))
    before = host.conflist.stat().st_ino, host.conflist.read_bytes()
    resync_again(host)
    assert (host.conflist.stat().st_ino, host.conflist.read_bytes()) == before, "a file that names us correctly is left alone"

    wanted = json.loads(host.conflist.read_text()) | {"theirs": 1}

    def spoil(conflist):
        conflist["plugins"][0]["socket"] = "/run/elsewhere.sock"
        conflist.update(cniVersion="0.1.0", theirs=1)

    write_conflist(host, spoil)
    wait_until(lambda: json.loads(host.conflist.read_text()) == wanted, 60, why="only what is ours is mended")
    write_conflist(host, lambda conflist: conflist["plugins"].pop(0))  # nobody calls us any more
    wait_until(lambda: json.loads(host.conflist.read_text()) == json.loads(host.template.read_text()), 60, why="ours comes anew")
    assert json.loads((host.conf / ("10-aws.conflist" + SAVED)).read_text())["plugins"][-1] == ISTIO


def test_a_changed_template_reaches_the_conflist_beside_others(host):
    host.run("install")
    host.node.start()
    host.wait_conflist()
    write_conflist(host, lambda conflist: conflist["plugins"].append(ISTIO))
    template = json.loads(host.template.read_text())
    bandwidth = {"type": "bandwidth", "capabilities": {"bandwidth": True}}
    template["plugins"] = [{**template["plugins"][0], "timeoutSeconds": 9}, bandwidth]
    host.template.write_text(json.dumps(template))
    resync_again(host)
    assert json.loads(host.conflist.read_text())["plugins"] == [*template["plugins"], ISTIO], "portmap was ours to take out"


def test_a_conflist_of_the_release_before_becomes_todays_once(host):
    """It declared no capabilities: its entry is ours, and is brought up to date; from then on there is nothing to do."""
    host.run("install")
    host.node.start()
    host.wait_conflist()
    today = json.loads(host.conflist.read_text())
    before = write_conflist(host, lambda conflist: conflist["plugins"][0].pop("capabilities"))
    assert before != today
    resync_again(host)
    assert json.loads(host.conflist.read_text()) == today
    inode = host.conflist.stat().st_ino
    resync_again(host)
    assert host.conflist.stat().st_ino == inode and host.names() == ["10-aws.conflist", "vpcwire"]


def test_uninstall_leaves_the_plugin_to_running_pods(host):
    host.run("install")
    host.node.start()
    host.wait_conflist()
    pod = host.node.add_pod("web")
    host.node.stop()
    assert "1 pods of ours run" in host.run("uninstall", code=1)
    assert host.names() == ["vpcwire"], "no more pods, but those there can be deleted"
    before = host.network()
    host.run("uninstall", "--force")
    assert host.names() == []
    assert host.network() == before and pod.address in str(before), "it runs on"
    pod.delete()


@pytest.mark.parametrize("change", ["renamed", "renamed and alias cleared"])
def test_uninstall_leaves_the_network_to_a_pod_whose_link_has_another_name(host, change):
    host.run("install")
    host.node.start()
    host.wait_conflist()
    pod = host.node.add_pod("web")
    host.node.stop()
    change_link(host.node, pod, CHANGES[change])
    before = host.network()
    assert "1 pods of ours run" in host.run("uninstall", code=1)
    assert host.names() == ["vpcwire"] and host.network() == before
    pod.delete()


def test_uninstall_leaves_the_network_to_pods_that_another_plugin_wired(host):
    """They have no link of ours: the database knows them."""
    host.run("install")
    host.node.start()
    host.wait_conflist()
    key = {"network": "bridged", "container_id": "web", "ifname": "eth0"}
    reply = host.node.call("Add", **key, address_only=True)
    host.node.call("Confirm", **key, address=reply["address"])
    host.node.stop()
    before = host.network()
    assert "1 pods of ours run" in host.run("uninstall", code=1)
    assert host.network() == before
    host.node.start()
    assert [lease["address"] for lease in host.node.leases()] == [reply["address"]]
    host.node.call("Del", **key)
    host.node.stop()
    host.run("uninstall")
    assert host.network() == ([], [], [])


def test_uninstall_without_the_right_to_the_network(host):
    """As in a container without capabilities: files go, and it is said what stays."""
    host.run("install")
    host.node.start()
    host.wait_conflist()
    host.node.stop()
    before = host.network()
    inside = ["ip", "netns", "exec", host.node.netns, "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    assert "CAP_NET_ADMIN is missing" in host.run("uninstall", inside=inside)
    assert host.names() == [] and host.network() == before


def test_a_plugin_that_runs_is_replaced(host):
    """As an upgrade does in the middle of an ADD: it runs to its end, the next call is the new one."""
    host.bin.mkdir(parents=True)
    shutil.copy("/bin/sleep", host.plugin)
    with subprocess.Popen([host.plugin, "600"]) as old:
        host.run("install")
        assert old.poll() is None
        old.kill()
    assert host.plugin.read_bytes() == (BUILD / "bin/vpcwire").read_bytes()
    assert host.names() == ["vpcwire"]


@contextlib.contextmanager
def mounted(folder, options):
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("options, says", [("ro", "Read-only file system"), ("size=64k", "No space left on device")])
def test_a_host_folder_that_takes_nothing(host, options, says):
    with mounted(host.bin, options):
        error = host.run("install", code=1)
        assert says in error and str(host.plugin) in error
        assert host.names() == []


def test_a_conf_folder_that_takes_nothing_does_not_stop_the_daemon(host):
    host.run("install")
    with mounted(host.conf, "nr_inodes=1"):  # full; what is changed about a filesystem is seen in all mount namespaces
        host.node.start()
        wait_until(lambda: "No space left on device" in host.node.proc.text(), 30, why="it is reported")
        host.node.add_pod("web").delete()
        subprocess.run(["mount", "-o", "remount,nr_inodes=100", host.conf], check=True)
        host.wait_conflist()
        host.node.stop()  # what the daemon has open in there would keep it mounted
    assert host.node.log.read_text().count("installing the network configuration failed") == 1


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"type": "bridge"}, "no plugin of type vpcwire"),
        ({"vethPrefix": "pod"}, "vethPrefix is 'pod', and the daemon's AWS_VPC_K8S_CNI_VETHPREFIX is 'eni'"),
        ({"socket": "/run/other.sock"}, "socket is '/run/other.sock', and the daemon's VPCWIRE_SOCKET is"),
    ],
)
def test_a_conflist_that_would_not_work_is_refused(host, changes, says):
    host.write_template(**changes)
    assert says in host.run("install", code=1)
    assert says in host.run(code=1), "the daemon too"
    assert not host.conflist.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"plugins": []}'])
def test_a_conflist_that_is_none_is_refused(host, text):
    host.template.write_text(text)
    assert f"{host.template} (VPCWIRE_CONFLIST)" in host.run("install", code=1)


def test_bad_arguments_and_settings(host):
    assert "unknown argument 'instal'" in host.run("instal", code=2)
    assert "unknown argument '--now'" in host.run("uninstall", "--now", code=2)
    assert "HOST_CNI_BIN_PATH is not set" in host.run("install", code=1, HOST_CNI_BIN_PATH=None)
    assert "VPCWIRE_PLUGIN" in host.run("install", code=1, VPCWIRE_PLUGIN="/nonexistent/vpcwire")
    assert "'../evil.conflist' is not allowed" in host.run("install", code=2, VPCWIRE_CONFLIST_NAME="../evil.conflist")
    assert host.names() == []
