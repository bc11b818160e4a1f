# SPDX-License-Identifier: Apache-2.0
"""The plugin's contract with runtimes where no daemon is needed: the program itself, with environment and standard input."""
import os
import socket
import subprocess
import time

import pytest

from vpc import netns, patient
from vpc.pod import environment, run_plugin
from vpc.process import BUILD, RELEASE_BUILD, SANITIZER_OPTIONS, run

PLUGIN = BUILD / "bin/vpcwire"
VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
ID = "c" * 64
DEADLINE_S = 10


def conf(**changes):
    values = {"cniVersion": "1.1.0", "name": "net", "type": "vpcwire", "socket": "/nonexistent/ipamd.sock", "timeoutSeconds": 1, **changes}
    return {key: value for key, value in values.items() if value is not None}


@pytest.fixture
def host():
    """call(verb, ...) runs the plugin in an empty namespace that stands for the host's; `pod` is another one."""
    prefix = f"cnit{os.getpid()}"
    for name in ("h", "p"):
        netns.add(f"{prefix}-{name}")
    with netns.threads(f"{prefix}-h") as inside:

        class Host:
            pod = f"/run/netns/{prefix}-p"

            @staticmethod
            def call(verb, stdin=None, container_id=ID, namespace=pod, ifname="eth0", args=None, env=None):
                variables = {**environment(verb, container_id, namespace, ifname, args), **(env or {})}
                variables = {name: value for name, value in variables.items() if value is not None}
                return inside.call(run_plugin, PLUGIN, conf() if stdin is None else stdin, variables, timeout=DEADLINE_S)

            @staticmethod
            def links():
                return [[link["ifname"] for link in netns.ip(f"{prefix}-{name}", "link", "show")] for name in ("h", "p")]

        yield Host
        assert Host.links() == [["lo"], ["lo"]], "left behind"
    for name in ("h", "p"):
        netns.delete(f"{prefix}-{name}")


def assert_error(result, code, *texts):
    """Exactly one JSON value on stdout, with the code; the message names what is wrong."""
    assert result.rc == 1, result
    error = result.json
    assert error["code"] == code, error
    assert error["cniVersion"] in VERSIONS
    for text in texts:
        assert text in error["msg"], error


def test_no_command_says_what_it_is(host):
    for command in (None, ""):
        result = host.call(command, env={"CNI_COMMAND": command})
        assert (result.rc, result.stdout) == (0, "")
        assert "1.1.0" in result.stderr and "vpcwire" in result.stderr


def test_program_needs_no_library_and_is_small(tmp_path):
    """The build that is shipped; the one under sanitizers cannot be static."""
    release, stripped = RELEASE_BUILD / "bin/vpcwire", tmp_path / "vpcwire"
    if not release.exists():
        pytest.skip(f"{release} is not built")
    run("strip", "-o", stripped, release)
    assert stripped.stat().st_size < 2_000_000
    headers = run("readelf", "-lW", release).stdout
    assert "INTERP" not in headers and "DYNAMIC" not in headers


@pytest.mark.parametrize("stdin, echo", [("", "1.1.0"), ('{"cniVersion":"0.4.0"}', "0.4.0"), ("nope", "1.1.0"), ('{"cniVersion":"9"}', "1.1.0")])
def test_version(host, stdin, echo):
    result = host.call("VERSION", stdin, env={"CNI_NETNS": "dummy", "CNI_CONTAINERID": None, "CNI_IFNAME": None, "CNI_PATH": None})
    assert result.rc == 0
    assert result.json == {"cniVersion": echo, "supportedVersions": VERSIONS}


NEEDS = {
    "ADD": ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
    "DEL": ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"],
    "CHECK": ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
    "GC": ["CNI_PATH"],
    "STATUS": ["CNI_PATH"],
}


@pytest.mark.parametrize("verb", NEEDS)
def test_missing_variables(host, verb):
    for name in NEEDS[verb]:
        assert_error(host.call(verb, "not JSON", env={name: None}), 4, f"[{name}]")
        assert_error(host.call(verb, "not JSON", env={name: ""}), 4, f"[{name}]")
    assert_error(host.call(verb, env={name: None for name in NEEDS["ADD"]}), 4, *NEEDS[verb])


@pytest.mark.parametrize("command", ["NOPE", "add", "ADD "])
def test_unknown_command(host, command):
    assert_error(host.call(command, "not JSON"), 4, "CNI_COMMAND", command)


@pytest.mark.parametrize("verb", ["ADD", "DEL", "CHECK"])
@pytest.mark.parametrize(
    "variable, value",
    [("CNI_CONTAINERID", value) for value in ("a/b", "-a", "a b", "ä")]
    + [("CNI_IFNAME", value) for value in ("1234567890123456", ".", "..", "a/b", "a:b", "a b", "a\tb")],
)
def test_malformed_variables(host, verb, variable, value):
    """Nothing of a malformed name was ever made: for DEL there is nothing to do, which it says and succeeds."""
    result = host.call(verb, env={variable: value})
    if verb == "DEL":
        assert (result.rc, result.stdout) == (0, "") and variable in result.stderr, result
    else:
        assert_error(result, 4, variable)


@pytest.mark.parametrize("verb", NEEDS)
@pytest.mark.parametrize(
    "stdin, code, text",
    [
        ("", 6, "standard input"),
        ("{", 6, "standard input"),
        ("[]", 6, "standard input"),
        ("{} {}", 6, "standard input"),
        (b'{"name":"\xff"}', 6, "standard input"),
        ("{}", 7, "name"),
        ('{"cniVersion":"9.9.9"}', 7, "name"),
        ('{"name":"a b"}', 7, "'a b'"),
        ('{"name":"../x"}', 7, "'../x'"),
        ('{"name":3}', 7, "name"),
        ('{"name":"n","cniVersion":"9.9.9"}', 1, "'9.9.9'"),
        ('{"name":"n","cniVersion":"0.4"}', 1, "'0.4'"),
        (b" " * (1024 * 1024 + 1), 5, "longer than"),
    ],
    ids=range(13),
)
def test_bad_stdin(host, verb, stdin, code, text):
    result = host.call(verb, stdin)
    if verb == "DEL":  # it takes the link away by what the environment says
        assert (result.rc, result.stdout) == (0, "") and text in result.stderr, result
        return
    assert_error(result, code, text)
    if code == 1:
        assert all(version in result.json["details"] for version in VERSIONS)


def test_stdin_that_cannot_be_read():
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" <&-', str(PLUGIN)],
        capture_output=True,
        timeout=patient(DEADLINE_S),
        env={**SANITIZER_OPTIONS, "PATH": os.environ["PATH"], **environment("STATUS", ID, None)},
    )
    assert done.returncode == 1 and b'"code":5' in done.stdout, done


@pytest.mark.parametrize("verb, since", [("CHECK", "0.4.0"), ("GC", "1.1.0"), ("STATUS", "1.1.0")])
def test_verb_is_newer_than_the_version(host, verb, since):
    for version in VERSIONS:
        result = host.call(verb, conf(cniVersion=version))
        if VERSIONS.index(version) < VERSIONS.index(since):
            assert_error(result, 1, verb, since)
            assert result.json["cniVersion"] == version
        else:
            assert result.rc == 0 or result.code != 1


@pytest.mark.parametrize(
    "args",
    [
        "X=1",
        "X=1;IgnoreUnknown=0",
        "IgnoreUnknown=false;K8S_POD_NAME=p;X=1",
        "K8S_POD_NAME",
        "K8S_POD_NAME=a=b;IgnoreUnknown=1",
        "IgnoreUnknown=1;",
        "IgnoreUnknown=2",
    ],
)
def test_bad_cni_args(host, args):
    assert_error(host.call("ADD", args=args), 4, "CNI_ARGS")
    assert host.call("DEL", args=args).rc == 0


@pytest.mark.parametrize(
    "key, value, code",
    [
        ("vethPrefix", "toolong", 7),
        ("vethPrefix", "eth", 7),
        ("vethPrefix", "vlan", 7),
        ("vethPrefix", "lo", 7),
        ("mtu", 575, 7),
        ("mtu", "9002", 7),
        ("mtu", "x", 7),
        ("socket", "relative", 7),
        ("socket", "/" + "x" * 200, 7),
        ("timeoutSeconds", 0, 7),
        ("timeoutSeconds", 241, 7),
        ("logFile", "relative", 7),
        ("ipam", {"type": "host-local"}, 2),
        ("dns", ["10.0.0.2"], 7),
        ("prevResult", [], 7),
    ],
)
def test_bad_settings(host, key, value, code):
    assert_error(host.call("ADD", conf(**{key: value})), code, key)
    if key != "prevResult":
        assert host.call("DEL", conf(**{key: value})).rc == 0


@pytest.mark.parametrize("verb", ["ADD", "CHECK"])
def test_bad_netns(host, verb):
    stdin = conf(prevResult={})
    for path in ("/nonexistent", "/etc/passwd", "/", "relative", "/proc/self/ns/mnt"):
        assert_error(host.call(verb, stdin, namespace=path), 8, path)
    assert_error(host.call(verb, stdin, namespace="/proc/self/ns/net"), 8, "own")
    for value in ("1", "TRUE", "true"):
        result = host.call(verb, stdin, namespace="/proc/self/ns/net", env={"CNI_NETNS_OVERRIDE": value})
        assert_error(result, 11, "/nonexistent/ipamd.sock")


def test_existing_interface(host):
    name = host.pod.rsplit("/", 1)[1]
    netns.execute(name, "ip", "link", "add", "eth0", "type", "bridge")
    assert_error(host.call("ADD"), 100, "eth0", "exists already")
    netns.execute(name, "ip", "link", "delete", "eth0")


def test_too_long_for_us(host):
    assert_error(host.call("ADD", container_id="c" * 200), 4, "CNI_CONTAINERID")
    assert_error(host.call("ADD", args="K8S_POD_NAME=" + "p" * 254), 4, "K8S_POD_NAME")
    assert host.call("DEL", container_id="c" * 200).rc == 0


@pytest.mark.parametrize("verb, code", [("ADD", 11), ("GC", 11), ("STATUS", 50), ("CHECK", 11)])
def test_daemon_is_not_there(host, verb, code, tmp_path):
    """Soon, and the text says which socket; the same when the socket is left of a dead daemon, or is something else."""
    stdin = {"prevResult": {}, "cni.dev/valid-attachments": []}
    (tmp_path / "file.sock").write_text("")
    netns.call_in(host.pod.rsplit("/", 1)[1], _dead_socket, tmp_path / "dead.sock")
    for path in ("/nonexistent/ipamd.sock", str(tmp_path / "dead.sock"), str(tmp_path / "file.sock")):
        started = time.monotonic()
        assert_error(host.call(verb, conf(socket=path, **stdin)), code, path, "ipamd")
        assert time.monotonic() - started < patient(5)


def _dead_socket(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


@pytest.mark.parametrize("version", VERSIONS)
def test_del_succeeds_without_a_daemon(host, version):
    """Unknown container, namespace gone, nothing there, no prevResult; as often as one likes."""
    for namespace in (None, "", "/nonexistent", "/etc/passwd", "/proc/self/ns/net", host.pod):
        for _ in range(3):
            result = host.call("DEL", conf(cniVersion=version), namespace=namespace)
            assert (result.rc, result.stdout) == (0, ""), result


def test_gc_without_a_list_does_nothing(host):
    for stdin in (conf(), {**conf(), "cni.dev/valid-attachments": None}):
        assert host.call("GC", stdin).rc == 0
    for odd in ({}, "x", [1], [{"containerID": "a"}], [{"containerID": "a", "ifname": 3}]):
        assert_error(host.call("GC", conf(**{"cni.dev/valid-attachments": odd})), 7, "cni.dev/valid-attachments")


def test_check_needs_prev_result(host):
    assert_error(host.call("CHECK", conf()), 7, "prevResult")


def test_log_file(host, tmp_path):
    log = tmp_path / "cni.log"
    result = host.call("ADD", conf(logFile=str(log)))
    assert_error(result, 11)
    assert result.stderr == "" and ID in log.read_text()
    # One that cannot be opened is no reason to fail otherwise than without it.
    result = host.call("ADD", conf(logFile=str(tmp_path)))
    assert_error(result, 11)
    assert str(tmp_path) in result.stderr
