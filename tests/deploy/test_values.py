# SPDX-License-Identifier: Apache-2.0
"""The chart with the values of an owner of aws-vpc-cni: each works, or is ignored and named in the notes, or is refused with its reason."""
import subprocess
import sys

import pytest
import yaml

from conftest import BUILD, TOOLS, TOP, run
from test_manifests import CHART, IMAGE, containers, pod_spec, template

# A values.yaml as owners have it for aws-vpc-cni's chart v1.23.1: every key of that chart, most at its default.
OWNERS = """
nameOverride: aws-node
fullnameOverride: aws-node
init:
  image: {tag: v1.23.1, domain: amazonaws.com, region: eu-west-1, endpoint: ecr, account: "602401143452", pullPolicy: Always, override: null}
  env: {DISABLE_TCP_EARLY_DEMUX: "false", ENABLE_IPv6: "false"}
  securityContext: {privileged: true}
  resources: {}
nodeAgent:
  enabled: true
  image: {tag: v1.3.4, domain: amazonaws.com, region: eu-west-1, endpoint: ecr, account: "602401143452", pullPolicy: Always, override: null}
  securityContext: {capabilities: {add: [NET_ADMIN]}, privileged: true}
  enableCloudWatchLogs: "false"
  enablePolicyEventLogs: "false"
  networkPolicyAgentLogFileLocation: /var/log/aws-routed-eni/network-policy-agent.log
  enableIpv6: "false"
  metricsBindAddr: "8162"
  healthProbeBindAddr: "8163"
  conntrackCacheCleanupPeriod: 300
  logLevel: debug
  resources: {}
image: {tag: v1.23.1, domain: amazonaws.com, region: eu-west-1, endpoint: ecr, account: "602401143452", pullPolicy: Always, override: null}
env:
  ADDITIONAL_ENI_TAGS: '{"team": "net"}'
  ANNOTATE_POD_IP: "false"
  AWS_VPC_CNI_NODE_PORT_SUPPORT: "true"
  AWS_VPC_ENI_MTU: "9001"
  AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "false"
  AWS_VPC_K8S_CNI_EXTERNALSNAT: "false"
  AWS_VPC_K8S_CNI_LOG_FILE: /host/var/log/aws-routed-eni/ipamd.log
  AWS_VPC_K8S_CNI_LOGLEVEL: DEBUG
  AWS_VPC_K8S_CNI_RANDOMIZESNAT: prng
  AWS_VPC_K8S_CNI_VETHPREFIX: eni
  AWS_VPC_K8S_PLUGIN_LOG_FILE: /var/log/aws-routed-eni/plugin.log
  AWS_VPC_K8S_PLUGIN_LOG_LEVEL: DEBUG
  CLUSTER_ENDPOINT: ""
  DISABLE_INTROSPECTION: "false"
  DISABLE_METRICS: "false"
  DISABLE_NETWORK_RESOURCE_PROVISIONING: "false"
  ENABLE_IPv4: "true"
  ENABLE_IPv6: "false"
  ENABLE_MULTI_NIC: "false"
  ENABLE_POD_ENI: "false"
  ENABLE_PREFIX_DELEGATION: "false"
  ENABLE_SUBNET_DISCOVERY: "true"
  NETWORK_POLICY_ENFORCING_MODE: standard
  VPC_CNI_VERSION: v1.23.1
  WARM_ENI_TARGET: "1"
  WARM_PREFIX_TARGET: "1"
extraEnv: []
originalMatchLabels: false
enableWindowsIpam: "false"
enableNetworkPolicy: "false"
enableWindowsPrefixDelegation: "false"
warmWindowsPrefixTarget: 0
warmWindowsIPTarget: 1
minimumWindowsIPTarget: 3
branchENICooldown: 60
cniConfig: {enabled: false, fileContents: ""}
imagePullSecrets: []
priorityClassName: system-node-critical
podSecurityContext: {}
podAnnotations: {}
podLabels: {}
securityContext: {capabilities: {add: [NET_ADMIN, NET_RAW]}}
serviceAccount: {create: true, name: null, annotations: {}}
livenessProbe:
  exec: {command: [/app/grpc-health-probe, "-addr=:50051", -connect-timeout=5s, -rpc-timeout=5s]}
  initialDelaySeconds: 60
livenessProbeTimeoutSeconds: 10
readinessProbe:
  exec: {command: [/app/grpc-health-probe, "-addr=:50051", -connect-timeout=5s, -rpc-timeout=5s]}
  initialDelaySeconds: 1
readinessProbeTimeoutSeconds: 10
resources: {requests: {cpu: 25m}}
updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 10%}}
nodeSelector: {}
tolerations: [{operator: Exists}]
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/os, operator: In, values: [linux]}]}]
podMonitor: {create: true, namespace: monitoring, labels: {release: prometheus}, interval: 30s, sampleLimit: 5000}
eniConfig: {create: false, region: eu-west-1, subnets: null}
extraVolumes: []
extraVolumeMounts: []
"""
OUR_TAG = ["--set", "image.tag="]


def install(made):
    return containers(made)[0]


def daemon(made):
    return containers(made)[1]


def labels(made):
    return made["DaemonSet"]["spec"]["template"]["metadata"]["labels"]


def variable(container, name):
    (found,) = [entry for entry in container["env"] if entry["name"] == name]
    return found


LIVENESS = {"exec": {"command": ["/usr/bin/ipamctl", "health", "live"]}, "periodSeconds": 10, "failureThreshold": 6}
CHARTS_SELECTOR = {"app.kubernetes.io/name": "aws-node", "app.kubernetes.io/instance": "vpcwire"}
AFFINITY = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": []}]}}}
# Path, a value that is not the default, and what is made of it: where it is seen, and as what (if not as itself).
WORKS = [
    ("nameOverride", "other", lambda made: labels(made)["app.kubernetes.io/name"]),
    ("fullnameOverride", "other", lambda made: made["DaemonSet"]["metadata"]["name"]),
    ("init.env.VPCWIRE_AWS_CNI_LINK", "true", lambda made: variable(install(made), "VPCWIRE_AWS_CNI_LINK")["value"]),
    ("init.securityContext.seLinuxOptions", {"type": "t"}, lambda made: install(made)["securityContext"]["seLinuxOptions"]),
    ("init.resources.requests.cpu", "7m", lambda made: install(made)["resources"]["requests"]["cpu"]),
    ("image.tag", "0.2.0", lambda made: daemon(made)["image"].split(":")[1]),
    ("image.pullPolicy", "Always", lambda made: daemon(made)["imagePullPolicy"]),
    ("image.override", "registry.example/v@sha256:00", lambda made: install(made)["image"]),
    ("image.overrideRepository", "registry.example/v", lambda made: daemon(made)["image"].split(":")[0]),
    ("env.WARM_IP_TARGET", 5, lambda made: made["ConfigMap"]["data"]["WARM_IP_TARGET"], "5"),
    ("extraEnv", [{"name": "HTTPS_PROXY", "value": "http://p"}], lambda made: [variable(install(made), "HTTPS_PROXY")]),
    ("extraEnv", [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}], lambda made: [variable(daemon(made), "X")]),
    ("originalMatchLabels", True, lambda made: made["DaemonSet"]["spec"]["selector"]["matchLabels"], {"k8s-app": "aws-node"}),
    ("originalMatchLabels", False, lambda made: made["DaemonSet"]["spec"]["selector"]["matchLabels"], CHARTS_SELECTOR),
    ("cniConfig.enabled", True, lambda made: variable(daemon(made), "VPCWIRE_CONFLIST")["value"], "/conflist/10-aws.conflist"),
    ("imagePullSecrets", [{"name": "s"}], lambda made: pod_spec(made)["imagePullSecrets"]),
    ("priorityClassName", "other", lambda made: pod_spec(made)["priorityClassName"]),
    ("podSecurityContext", {"fsGroup": 1}, lambda made: sorted(pod_spec(made)["securityContext"]), ["fsGroup", "seccompProfile"]),
    ("podAnnotations", {"a/b": True}, lambda made: made["DaemonSet"]["spec"]["template"]["metadata"]["annotations"]["a/b"], "true"),
    ("podLabels", {"tier": 1}, lambda made: labels(made)["tier"], "1"),
    ("securityContext.capabilities.add", ["NET_ADMIN", "NET_RAW"], lambda made: daemon(made)["securityContext"]["capabilities"]["add"]),
    ("securityContext.privileged", True, lambda made: "allowPrivilegeEscalation" in daemon(made)["securityContext"], False),
    ("serviceAccount.create", False, lambda made: "ServiceAccount" in made, False),
    ("serviceAccount.name", "other", lambda made: pod_spec(made)["serviceAccountName"]),
    ("serviceAccount.annotations", {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/r"}, lambda made: made["ServiceAccount"]["metadata"]["annotations"]),
    ("livenessProbe", {"timeoutSeconds": 4}, lambda made: daemon(made)["livenessProbe"], {**LIVENESS, "timeoutSeconds": 4}),
    ("livenessProbe.tcpSocket", {"port": 1}, lambda made: "exec" in daemon(made)["livenessProbe"], False),
    ("livenessProbeTimeoutSeconds", 9, lambda made: daemon(made)["livenessProbe"]["timeoutSeconds"]),
    ("readinessProbe", {"initialDelaySeconds": 3}, lambda made: daemon(made)["readinessProbe"]["initialDelaySeconds"], 3),
    ("readinessProbe.exec.command", ["/usr/bin/true"], lambda made: daemon(made)["readinessProbe"]["exec"]["command"]),
    ("readinessProbeTimeoutSeconds", 9, lambda made: daemon(made)["readinessProbe"]["timeoutSeconds"]),
    ("resources.requests.cpu", "25m", lambda made: daemon(made)["resources"]["requests"]["cpu"]),
    ("updateStrategy", {"type": "OnDelete", "rollingUpdate": None}, lambda made: made["DaemonSet"]["spec"]["updateStrategy"], {"type": "OnDelete"}),
    ("nodeSelector", {"a": "b"}, lambda made: pod_spec(made)["nodeSelector"]),
    ("tolerations", [{"key": "k"}], lambda made: pod_spec(made)["tolerations"]),
    ("affinity", AFFINITY, lambda made: pod_spec(made)["affinity"]),
    ("extraVolumes", [{"name": "x", "emptyDir": {}}], lambda made: pod_spec(made)["volumes"][-1:]),
    ("extraVolumeMounts", [{"name": "run", "mountPath": "/x"}], lambda made: daemon(made)["volumeMounts"][-1:]),
    ("podMonitor", {"create": True, "interval": "30s"}, lambda made: made["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["interval"], "30s"),
    ("podMonitor", {"create": True, "sampleLimit": 5000}, lambda made: made["PodMonitor"]["spec"]["sampleLimit"], 5000),
    ("podMonitor", {"create": True, "namespace": "m"}, lambda made: made["PodMonitor"]["metadata"]["namespace"], "m"),
    ("podMonitor", {"create": True, "labels": {"release": "p"}}, lambda made: made["PodMonitor"]["metadata"]["labels"]["release"], "p"),
    ("prometheusRule", {"create": True, "labels": {"release": "p"}}, lambda made: made["PrometheusRule"]["metadata"]["labels"]["release"], "p"),
    ("env.VPCWIRE_METRICS_BIND_ADDRESS", "127.0.0.1:9", lambda made: daemon(made)["ports"][0]["containerPort"], 9),
    ("revisionHistoryLimit", 3, lambda made: made["DaemonSet"]["spec"]["revisionHistoryLimit"]),
    ("terminationGracePeriodSeconds", 20, lambda made: pod_spec(made)["terminationGracePeriodSeconds"]),
]
# Nothing is made of it, and NOTES.txt has a line that says so.
IGNORED = {
    **{f"image.{name}": "x" for name in ("account", "domain", "endpoint", "region")},
    "init.image": {"tag": "v1.23.1", "override": "registry.example/amazon-k8s-cni-init:v1.23.1"},
    "init.securityContext.privileged": True,
    "nodeAgent": {"enabled": True, "metricsBindAddr": "8162"},
    "livenessProbe.exec": {"command": ["/app/grpc-health-probe"]},
    "readinessProbe.exec": {"command": ["/app/grpc-health-probe"]},
    "eniConfig.region": "eu-west-1",
    "eniConfig.subnets": {"eu-west-1a": {"id": "subnet-1"}},
    "enableWindowsPrefixDelegation": "false",
    "warmWindowsPrefixTarget": 0,
    "warmWindowsIPTarget": 1,
    "minimumWindowsIPTarget": 3,
    "branchENICooldown": 60,
    "crd.create": True,
    "cri.hostPath": "/run/containerd/containerd.sock",
}
# The chart fails, and says why.
REFUSED = [
    ("enableNetworkPolicy", "true", "no NetworkPolicy would be enforced"),
    ("enableNetworkPolicy", True, "no NetworkPolicy would be enforced"),
    ("enableWindowsIpam", "true", "amazon-vpc-cni"),
    ("eniConfig.create", True, "there is no ENIConfig"),
    ("image.tag", "v1.23.1", "version of aws-vpc-cni"),
    ("image.override", "registry.example/amazon-k8s-cni:v1.23.1", "aws-vpc-cni's image"),
    ("image.overrideRepository", "registry.example/amazon-k8s-cni", "aws-vpc-cni's image"),
    ("env.AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "true", "not those of an ENIConfig"),
    ("env.ENABLE_POD_ENI", True, "whatever a SecurityGroupPolicy says"),
    ("env.ENABLE_IPv6", "T", "IPv4"),
    ("env.ENABLE_IPv4", False, "IPv4"),
    ("init.env.ENABLE_IPv6", "true", "IPv4"),
    ("extraEnv", [{"name": "ENABLE_IMDS_ONLY_MODE", "value": "1"}], "extraEnv.ENABLE_IMDS_ONLY_MODE"),
    ("extraEnv", [{"name": "MY_NODE_NAME", "value": "node"}], "the chart itself sets"),
    ("env.HOST_CNI_BIN_PATH", "/x", "the chart itself sets"),
    ("env.WARM_IP_TARGETS", 5, "deploy/SETTINGS.md"),
    ("env.WARM_IP_TARGET", 10001, "allowed is 0 to 10000"),
    ("init.env.DISABLE_METRICS", "yes", "allowed is `true`, `false`"),
    ("securityContext.capabilities.add", ["NET_RAW"], "NET_ADMIN"),
    ("securityContext.runAsNonRoot", True, "must be root"),
    ("cniConfig", {"enabled": True, "fileContents": '{"plugins": [{"type": "aws-cni"}]}'}, "VPCWIRE_AWS_CNI_LINK"),
    ("podMonitor.create", True, "env.DISABLE_METRICS"),
    # By the schema, with the name:
    ("enableNetworkPolicies", True, "'enableNetworkPolicies'"),
    ("serviceAccount", None, "serviceAccount"),
    ("init.securityContext", None, "securityContext"),
    ("image.repo", "x", "'repo'"),
    ("init.environment", {}, "'environment'"),
    ("originalMatchLabels", "no", "originalMatchLabels"),
    ("enableNetworkPolicy", "strict", "enableNetworkPolicy"),
    ("serviceAccount.role", "x", "'role'"),
    ("extraEnv", [{"value": "x"}], "name"),
]
# What else must be given for one of these.
MORE = {"cniConfig.enabled": {"cniConfig": {"fileContents": "{}"}}, "podMonitor.create": {"env": {"DISABLE_METRICS": "1"}}}


def nested(path, value):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def leaves(values, path=""):
    if not isinstance(values, dict) or not values:
        yield path
        return
    for name, value in values.items():
        yield from leaves(value, f"{path}.{name}" if path else name)


def helm(verb, folder, values, *options):
    """(exit code, all that it says) with one more file of values."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    command = [TOOLS / "helm", verb, "vpcwire", CHART, "--namespace", "kube-system", "--values", file, *IMAGE, *options]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def notes(folder, values, *options):
    code, text = helm("install", folder, values, "--dry-run=client", *options)
    assert code == 0, text
    return text.split("NOTES:")[1]


def made_of(folder, *options):
    return template("--values", folder / "values.yaml", *options)


@pytest.mark.parametrize("row", WORKS, ids=[f"{path}-{value}" for path, value, *_ in WORKS])
def test_works(tmp_path, row):
    path, value, where, *seen = row
    for number, values in enumerate((nested(path, value), MORE.get(path, {}))):
        (tmp_path / f"{number}.yaml").write_text(yaml.safe_dump(values))
    assert where(template("--values", tmp_path / "0.yaml", "--values", tmp_path / "1.yaml")) == (seen[0] if seen else value)


@pytest.mark.parametrize("path", IGNORED)
def test_is_ignored_and_said(tmp_path, path):
    assert f"\n- {path}: " in notes(tmp_path, nested(path, IGNORED[path]))
    assert made_of(tmp_path) == template()


@pytest.mark.parametrize("path, value, word", REFUSED, ids=[f"{path}-{value}" for path, value, _ in REFUSED])
def test_is_refused_with_a_reason(tmp_path, path, value, word):
    code, text = helm("template", tmp_path, {**nested(path, value), **MORE.get(path, {})})
    assert code != 0 and word in text and path.split(".")[0] in text, text


def test_every_key_of_the_owners_is_in_a_table():
    known = [row[0] for row in WORKS + REFUSED] + list(IGNORED)

    def decided(leaf):
        return any(leaf == path or leaf.startswith(f"{path}.") or path.startswith(f"{leaf}.") for path in known)

    keys = [leaf for leaf in leaves(yaml.safe_load(OWNERS)) if not leaf.startswith(("env.", "init.env."))]
    assert len(keys) > 60
    assert [leaf for leaf in keys if not decided(leaf)] == []


def test_an_owners_file_as_it_is(tmp_path):
    """Only the image is not ours; that said, all else is made, and each name that does nothing is said."""
    owners = yaml.safe_load(OWNERS)
    code, text = helm("template", tmp_path, owners)
    reasons = [line for line in text.splitlines() if line.startswith("- ")]
    assert code != 0 and len(reasons) == 1 and reasons[0].startswith("- image.tag: v1.23.1"), text
    made = made_of(tmp_path, *OUR_TAG)
    assert made["ConfigMap"]["data"] == {name: value for name, value in owners["env"].items()}
    assert install(made)["securityContext"]["privileged"] is False
    assert daemon(made)["livenessProbe"] == {**LIVENESS, "initialDelaySeconds": 60, "timeoutSeconds": 10}
    told = notes(tmp_path, owners, *OUR_TAG)
    for path in ("image.region", "init.image", "nodeAgent", "livenessProbe.exec", "env.WARM_PREFIX_TARGET", "init.env.DISABLE_TCP_EARLY_DEMUX"):
        assert f"\n- {path}: " in told, path
    assert "ENABLE_POD_ENI:" not in told and "WARM_ENI_TARGET" not in told, "what asks for nothing is not mentioned"


@pytest.mark.parametrize(
    "name, value",
    [
        *[("WARM_IP_TARGET", value) for value in ("", "0", "-1", "10000", "10001", "5.0", "+5", "many", " 5", "99999999999")],
        *[("MAX_ENI", value) for value in ("0", "-3")],
        *[("HTTP_TIMEOUT", value) for value in ("0", "1", "300", "301", "10s")],
        *[("DISABLE_METRICS", value) for value in ("true", "T", "FALSE", "1", "yes", "2")],
        *[("VPCWIRE_BLOCK_IMDS", value) for value in ("t", "True", "on")],
        *[("AWS_VPC_K8S_CNI_LOGLEVEL", value) for value in ("DEBUG", "FATAL")],
        *[("ENABLE_POD_ENI", value) for value in ("true", "TRUE", "0", "yes")],
        *[("ENABLE_IPv4", value) for value in ("F", "true")],
    ],
)
def test_the_chart_refuses_a_setting_where_ipamd_does(tmp_path, name, value):
    code, text = helm("template", tmp_path, nested(f"env.{name}", value))
    env = {name: value, "VPCWIRE_CONF": str(tmp_path / "none"), "HOST_CNI_BIN_PATH": str(tmp_path / "bin"), "VPCWIRE_PLUGIN": "/usr/bin/true"}
    done = subprocess.run([BUILD / "bin/ipamd", "install"], env=env, capture_output=True, text=True, timeout=60)
    assert (code == 0) == (done.returncode == 0), (text, done.stderr)


def setting(path, name, value):
    return {"extraEnv": [{"name": name, "value": value}]} if path == "extraEnv" else nested(f"{path}.{name}", value)


def rendered(folder, values):
    (folder / "values.yaml").write_text(yaml.safe_dump(values))
    return made_of(folder)


@pytest.mark.parametrize("path", ["env", "extraEnv"])
@pytest.mark.parametrize("bind", ["127.0.0.1:61678", "localhost:61678", "[::1]:61678", "unix:/run/m.sock"])
def test_a_monitor_of_what_only_the_node_can_read_is_refused(tmp_path, path, bind):
    code, text = helm("template", tmp_path, {"podMonitor": {"create": True}, **setting(path, "VPCWIRE_METRICS_BIND_ADDRESS", bind)})
    assert code != 0 and f"with {path}.VPCWIRE_METRICS_BIND_ADDRESS {bind} the metrics are for the node alone" in text, text


@pytest.mark.parametrize("bind", [":7000", "0.0.0.0:7000", "10.0.0.1:7000", "[::]:7000", "[fd00::1]:7000"])
def test_a_monitor_reads_the_port_of_the_setting(tmp_path, bind):
    for path in ("env", "extraEnv"):
        made = rendered(tmp_path, {"podMonitor": {"create": True}, **setting(path, "VPCWIRE_METRICS_BIND_ADDRESS", bind)})
        assert made["PodMonitor"] and daemon(made)["ports"] == [{"name": "metrics", "containerPort": 7000, "protocol": "TCP"}]


@pytest.mark.parametrize(("link", "off"), [("true", "true"), ("TRUE", "T"), ("True", "1")])
@pytest.mark.parametrize("path", ["env", "init.env", "extraEnv"])
def test_what_ipamd_takes_for_true_is_true(tmp_path, path, link, off):
    """Wherever the setting stands."""
    linked = {"cniConfig": {"enabled": True, "fileContents": '{"plugins": [{"type": "aws-cni"}]}'}}
    assert helm("template", tmp_path, {**linked, **setting(path, "VPCWIRE_AWS_CNI_LINK", link)})[0] == 0
    code, text = helm("template", tmp_path, {"podMonitor": {"create": True}, **setting(path, "DISABLE_METRICS", off)})
    refused = f"with {path}.DISABLE_METRICS {off} there is nothing to read" in text
    assert (code != 0) == refused == (path != "init.env"), text  # that is not the daemon's


def test_no_value_and_0_are_two_things(tmp_path):
    assert rendered(tmp_path, {"revisionHistoryLimit": 0})["DaemonSet"]["spec"]["revisionHistoryLimit"] == 0
    assert "revisionHistoryLimit" not in rendered(tmp_path, {"revisionHistoryLimit": None})["DaemonSet"]["spec"]
    context = daemon(rendered(tmp_path, {"securityContext": {"privileged": None}}))["securityContext"]
    assert context["allowPrivilegeEscalation"] is False and "privileged" not in context


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    code, text = helm("template", tmp_path, {"enableNetworkPolicy": True, "env": {"ENABLE_IPv6": "true"}, "image": {"tag": "v1.2.3"}})
    assert code != 0 and text.count("\n- ") == 3, text


def test_notes_without_anything_to_say(tmp_path):
    assert "not followed" not in notes(tmp_path, {})


def test_the_schema_and_the_names_of_settings_are_fresh(tmp_path):
    subprocess.run([sys.executable, CHART / "make.py", tmp_path], check=True)
    for name in ("values.schema.json", "files/settings.json"):
        assert (CHART / name).read_text() == (tmp_path / name).read_text(), "deploy/chart/make.py"


def test_every_setting_is_in_the_schema(settings):
    text = (CHART / "values.schema.json").read_text()
    assert [name for name in settings if f'"{name}": {{' not in text] == []
    assert "make.py" in (TOP / "deploy/chart/.helmignore").read_text()


def test_nothing_of_monitoring_by_itself():
    assert sorted(template()) == ["ConfigMap", "DaemonSet", "Role", "RoleBinding", "ServiceAccount"]


def test_metrics_alerts_and_dashboard_are_what_is_shipped(tmp_path):
    """Also out of the packaged chart: to the letter, though both are full of braces that are not Helm's."""
    run(TOOLS / "helm", "package", CHART, "--destination", tmp_path)
    (archive,) = tmp_path.glob("*.tgz")
    options = [word for name in ("podMonitor", "prometheusRule", "grafanaDashboard") for word in ("--set", f"{name}.create=true")]
    made = list(yaml.safe_load_all(run(TOOLS / "helm", "template", "vpcwire", archive, "--namespace", "kube-system", *IMAGE, *options)))
    (monitor,) = [item for item in made if item["kind"] == "PodMonitor"]
    (daemonset,) = [item for item in made if item["kind"] == "DaemonSet"]
    pod = daemonset["spec"]["template"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert monitor["spec"]["podMetricsEndpoints"] == [{"port": pod["spec"]["containers"][0]["ports"][0]["name"], "path": "/metrics"}]
    (rule,) = [item for item in made if item["kind"] == "PrometheusRule"]
    assert rule["spec"] == yaml.safe_load((TOP / "deploy/dashboards/alerts.yaml").read_text())
    (board,) = [item for item in made if item["metadata"]["name"] == "aws-node-dashboard"]
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert board["data"] == {"vpcwire.json": (TOP / "deploy/dashboards/vpcwire.json").read_text()}
