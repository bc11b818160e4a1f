# SPDX-License-Identifier: Apache-2.0
"""The manifests and the chart: valid, the same, and true: each path, port, variable and capability is the code's."""
import os
import pathlib
import re
import shutil
import subprocess
import textwrap

import kubernetes_validate
import pytest
import yaml

from conftest import BUILD, TOOLS, TOP, run

KUBERNETES = ["1.27", "1.30", "1.33", "1.35"]
CHART = TOP / "deploy/chart"
PLACEHOLDER = "registry.invalid/set-your-registry/vpcwire"
IMAGE = ["--set", f"image.repository={PLACEHOLDER}"]
OWN_CONFLIST = ["--set", "cniConfig.enabled=true", "--set-file", f"cniConfig.fileContents={TOP}/deploy/cni/10-aws.conflist"]


def documents(text):
    return {document["kind"]: document for document in yaml.safe_load_all(text) if document}


@pytest.fixture(scope="module")
def base():
    return documents(run(TOOLS / "kubectl", "kustomize", TOP / "deploy/kubernetes"))


@pytest.fixture(scope="module")
def handover():
    return documents(run(TOOLS / "kubectl", "kustomize", TOP / "deploy/kubernetes/handover"))


def template(*options):
    return documents(run(TOOLS / "helm", "template", "vpcwire", CHART, "--namespace", "kube-system", *IMAGE, *options))


@pytest.fixture(scope="module")
def chart():
    return template()


def pod_spec(manifests):
    return manifests["DaemonSet"]["spec"]["template"]["spec"]


def containers(manifests):
    spec = pod_spec(manifests)
    return spec["initContainers"] + spec["containers"]


def images(manifests):
    return {container["image"] for container in containers(manifests)}


def commands(heading):
    """The command lines of a section of deploy/README.md."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)^## ", (TOP / "deploy/README.md").read_text(), re.M | re.S)
    return "".join(re.findall(r"^    .*\n", section, re.M))


@pytest.fixture
def typed(tmp_path):
    """typed(LINES): what kubectl and helm make of lines of the page, typed in a copy of deploy/; nothing is built, pushed or installed."""
    shutil.copytree(TOP / "deploy", tmp_path / "deploy")
    play = """docker() { [ -f deploy/image/Dockerfile ]; }
        kubectl() { [ "$1" != apply ] || "$TOOLS/kubectl" kustomize "$3"; echo ---; }
        helm() { "$TOOLS/helm" template "${@:2}"; echo ---; }
    """

    def run_lines(lines):
        text = run("bash", "-euc", play + textwrap.dedent(lines), cwd=tmp_path, env={**os.environ, "TOOLS": str(TOOLS)})
        return [document for document in yaml.safe_load_all(text) if document]

    return run_lines


def test_the_image_gets_its_name_as_the_page_says(typed):
    """Build, push, set, install: kustomize's manifests, the chart's and the handover's have the image that was pushed."""
    going_back = "".join(line for line in commands("Going back").splitlines(True) if "apply" in line)
    lines = commands("The image") + commands("Installing") + going_back
    (pushed,) = re.findall(r"docker push (\S+)", lines)
    made = [documents(yaml.safe_dump(document)) for document in typed(lines) if document["kind"] == "DaemonSet"]
    assert [list(images(item)) for item in made] == [[pushed.replace("$registry", "registry.example")]] * 3


def test_an_image_that_was_not_set_cannot_be_pulled(base, handover):
    """And says what to do; RFC 6761: no name below "invalid" is ever given out."""
    assert images(base) == images(handover) == {f"{PLACEHOLDER}:0.1.0"}
    done = subprocess.run([TOOLS / "helm", "template", "vpcwire", CHART], capture_output=True, text=True)
    assert done.returncode != 0 and "image.repository: not set" in done.stderr and "deploy/README.md" in done.stderr


def test_the_overlay_keeps_the_owners_settings(typed, base):
    made = typed(commands("An overlay"))
    assert sorted(document["kind"] for document in made) == sorted(set(base) - {"ConfigMap"})
    (daemonset,) = [document for document in made if document["kind"] == "DaemonSet"]
    assert images({"DaemonSet": daemonset}) == {"registry.example/vpcwire:0.1.0"}


def environment(container):
    """Variables with a value of their own; MY_NODE_NAME's is the Node's."""
    return {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}


@pytest.mark.parametrize("version", KUBERNETES)
def test_valid_for_kubernetes(base, handover, chart, version):
    for manifests in (base, handover, chart, template(*OWN_CONFLIST)):
        for document in manifests.values():
            kubernetes_validate.validate(document, version, strict=True)


def test_helm_lint():
    assert "0 chart(s) failed" in run(TOOLS / "helm", "lint", "--strict", CHART, *IMAGE)


def test_the_chart_is_the_manifests(base, chart):
    assert sorted(base) == sorted(chart)
    for key in ("updateStrategy", "selector"):
        assert base["DaemonSet"]["spec"][key] == chart["DaemonSet"]["spec"][key]
    for container in containers(chart):
        assert container.pop("imagePullPolicy") == "IfNotPresent"
    assert pod_spec(base) == pod_spec(chart)
    pod_labels = [manifests["DaemonSet"]["spec"]["template"]["metadata"]["labels"] for manifests in (base, chart)]
    assert pod_labels[0] == {"k8s-app": "aws-node", "app.kubernetes.io/name": "aws-node"}, "what monitors of aws-vpc-cni's pods select by"
    assert pod_labels[1] == {**pod_labels[0], "app.kubernetes.io/instance": "vpcwire"}
    assert base["ConfigMap"]["data"] == chart["ConfigMap"]["data"]
    assert base["DaemonSet"]["metadata"]["name"] == chart["DaemonSet"]["metadata"]["name"] == "aws-node"


def test_the_handover_runs_where_the_daemon_ran(base, handover):
    """On the same nodes, with the same image and paths; the right to the network, sysctls among it, is its init container's."""
    assert list(handover) == ["DaemonSet"]
    daemon, undo_pod = pod_spec(base), pod_spec(handover)
    for key in ("affinity", "tolerations", "hostNetwork", "dnsPolicy", "priorityClassName"):
        assert undo_pod[key] == daemon[key], key
    assert all(volume in daemon["volumes"] for volume in undo_pod["volumes"])
    (install, main), (undo, done) = containers(base), containers(handover)
    for key in ("image", "resources"):
        assert undo[key] == install[key], key
    for key, of_sysctls in (("env", "VPCWIRE_SYSCTL_FOLDER"), ("volumeMounts", "sysctls")):
        assert undo[key] == install[key] + [entry for entry in main[key] if entry["name"] == of_sysctls], key
    assert undo["securityContext"] == main["securityContext"] and done["securityContext"] == install["securityContext"]
    assert undo["command"] == ["/usr/sbin/ipamd", "uninstall", "--handover"] and "--handover" in run(BUILD / "bin/ipamd", "--help")
    assert done["image"] == undo["image"]


def test_values_of_the_chart_arrive():
    made = template(
        *["--set", "env.WARM_IP_TARGET=5", "--set", "image.override=registry.example/v@sha256:00"],
        *["--set", "serviceAccount.annotations.eks\\.amazonaws\\.com/role-arn=arn:aws:iam::1:role/r"],
        *["--set", "priorityClassName=other", "--set", "livenessProbeTimeoutSeconds=9"],
    )
    assert made["ConfigMap"]["data"]["WARM_IP_TARGET"] == "5"
    assert {container["image"] for container in containers(made)} == {"registry.example/v@sha256:00"}
    assert made["ServiceAccount"]["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/r"}
    assert pod_spec(made)["priorityClassName"] == "other"
    assert pod_spec(made)["containers"][0]["livenessProbe"]["timeoutSeconds"] == 9


def test_every_variable_is_a_setting(base, chart, settings):
    names = [variable["name"] for container in containers(base) + containers(template(*OWN_CONFLIST)) for variable in container["env"]]
    names += list(base["ConfigMap"]["data"]) + list(chart["ConfigMap"]["data"])
    assert names and set(names) <= set(settings)


def test_every_program_is_in_the_package(base, shipped):
    for container in containers(base):
        commands = [container["command"]]
        commands += [probe["exec"]["command"] for name, probe in container.items() if name.endswith("Probe")]
        for command in commands:
            assert (shipped / "files" / command[0].lstrip("/")).stat().st_mode & 0o111, command


def test_commands_of_the_programs_exist(base):
    """What the manifests call, the programs' own help names."""
    for container in containers(base):
        commands = [container["command"]]
        commands += [probe["exec"]["command"] for name, probe in container.items() if name.endswith("Probe")]
        for program, *arguments in commands:
            binary = BUILD / "bin" / pathlib.Path(program).name
            about = arguments[:1] if binary.name == "ipamctl" else []  # its commands have each a help of their own
            text = run(binary, "--help", *about)
            for argument in arguments:
                assert re.search(rf"\b{argument}\b", text), (program, argument)


def test_every_path_is_mounted(base, settings):
    volumes = {volume["name"]: volume["hostPath"]["path"] for volume in pod_spec(base)["volumes"]}
    for container in containers(base):
        mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
        for path in environment(container).values():
            assert path in mounts or f"{path}/net" in mounts, path
        for setting in ("VPCWIRE_SOCKET", "VPCWIRE_DB"):
            folder = str(pathlib.Path(settings[setting]).parent)
            assert mounts[folder] == folder, "the plugin on the host finds the socket where the container made it"
        assert mounts["/etc/vpcwire"] == "/etc/vpcwire"
        if container["name"] == "aws-node":
            folder = str(pathlib.Path(settings["AWS_VPC_K8S_CNI_BACKING_STORE"]).parent)
            assert mounts[folder] == folder
            assert mounts[settings["XTABLES_LOCKFILE"]] == settings["XTABLES_LOCKFILE"], "one lock for all on the host"
        if container["name"] == "vpcwire-install":
            assert mounts[environment(container)["HOST_CNI_BIN_PATH"]] == "/opt/cni/bin"
            assert mounts[environment(container)["HOST_TMPFILES_PATH"]] == "/etc/tmpfiles.d"
        assert mounts[environment(container)["HOST_CNI_CONFDIR_PATH"]] == "/etc/cni/net.d"


def test_what_the_settings_name_is_in_the_package(shipped, settings):
    for setting in ("VPCWIRE_PLUGIN", "VPCWIRE_CONFLIST"):
        assert (shipped / "files" / settings[setting].lstrip("/")).is_file(), setting


def kube_sources():
    return "".join(path.read_text() for path in sorted((TOP / "ipamd/kube").glob("*.c")))


def test_every_pod_is_confined(base, chart, handover):
    for manifests in (base, chart, handover):
        assert pod_spec(manifests)["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    writable = [mount["mountPath"] for mount in containers(base)[1]["volumeMounts"] if not mount.get("readOnly")]
    assert not [path for path in writable if path.endswith(("/bin", "/tmpfiles.d"))], "the daemon puts no programs and no rules onto the host"


def test_least_privilege(base):
    kept = set(re.findall(r"\bCAP_(\w+)", (TOP / "ipamd/daemon/sandbox.c").read_text()))
    install, daemon = containers(base)
    assert daemon["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": sorted(kept)}
    assert install["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    for container in (install, daemon):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["privileged"] is False
    assert base["Role"]["rules"] == [{"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]}]
    assert base["RoleBinding"]["subjects"] == [{"kind": "ServiceAccount", "name": "aws-node", "namespace": "kube-system"}]
    calls = set(re.findall(r"CURLOPT_CUSTOMREQUEST, \"(\w+)\"|\"(POST|PATCH|GET|PUT|DELETE)\"", kube_sources()))
    assert {verb for pair in calls for verb in pair if verb} <= {"POST", "PATCH"}, "the code asks for no more than that"
    unit = (TOP / "deploy/systemd/vpcwire-ipamd.service").read_text()
    assert re.findall(r"^OOMScoreAdjust=(.*)$", unit, re.M) == ["-997"], "as the kubelet has it for system-node-critical"
    assert re.findall(r"^CapabilityBoundingSet=(.*)$", unit, re.M) == [" ".join(f"CAP_{name}" for name in sorted(kept))]


def test_the_metrics_port_is_the_daemons(base, settings):
    (port,) = [port["containerPort"] for port in containers(base)[1]["ports"]]
    assert str(port) in run(BUILD / "bin/ipamd", "settings")


def test_the_unit_is_true(shipped, settings):
    unit = (TOP / "deploy/systemd/vpcwire-ipamd.service").read_text()
    for line in re.findall(r"^ExecStart(?:Pre)?=(\S+)", unit, re.M):
        assert (shipped / "files" / line.lstrip("/")).is_file(), line
    variables = dict(pair.split("=", 1) for pair in re.findall(r"^Environment=(.*)$", unit, re.M)[0].split())
    assert set(variables) <= set(settings)
    writable = re.findall(r"^ReadWritePaths=(.*)$", unit, re.M)[0].split()
    assert sorted(variables.values()) == sorted(writable)
    assert str(pathlib.Path(settings["VPCWIRE_SOCKET"]).parent) == "/run/" + re.findall(r"^RuntimeDirectory=(.*)$", unit, re.M)[0]
