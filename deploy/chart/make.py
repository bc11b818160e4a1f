# SPDX-License-Identifier: Apache-2.0
"""Writes values.schema.json and files/settings.json, of deploy/SETTINGS.md and the names below. make.py [FOLDER]"""
import json
import pathlib
import re
import sys

CHART = pathlib.Path(__file__).resolve().parent
SETTINGS = CHART.parent / "SETTINGS.md"
EFFECTS = {"stops ipamd from starting": "refused", "is ignored, with a warning": "warned"}
AS_GIVEN = {"true": ["true", "t", "1"], "false": ["false", "f", "0"]}  # as ipamd reads a flag


def rows(text):
    """Cells of the tables' lines, names first."""
    return [[cell.strip() for cell in line.strip("| \n").split(" | ")] for line in text.splitlines() if line.startswith("| `")]


def names(cell):
    """`A`, else `B`, `C`"""
    return re.findall(r"`(\w+)`", cell)


def foreign_setting(becomes, why):
    """What becomes of it, with which values (none: any), and why."""
    value = re.match(r"`(\w+)` (.*)", becomes)
    effect = EFFECTS[value[2]] if value else "ignored"
    return {"effect": effect, "values": AS_GIVEN.get(value[1], [value[1]]) if value else [], "why": why}


def own_setting(default, allowed, meaning):
    """Its line, and what can be told of a value without ipamd: flags and numbers. A number that is too small can be as good as none."""
    found = {"text": f"{meaning}; default: {default}; allowed: {allowed}", "allowed": allowed}
    number = re.match(r"(\d+) to (\d+)(; less means unset)?$", allowed)
    if number:
        found.update(maximum=int(number[2]), **({} if number[3] else {"minimum": int(number[1])}))
    elif allowed.startswith("`true`, `false`"):
        found["words"] = names(allowed)
    return found


def settings():
    """Name -> what is known of it: ours, and aws-vpc-cni's that are not ours."""
    ours, foreign = SETTINGS.read_text().split("\n## ")
    known = {name: own_setting(*cells) for cell, *cells, _ in rows(ours) for name in names(cell)}
    return known, {names(cell)[0]: foreign_setting(becomes, why) for cell, becomes, why in rows(foreign)}


def kind(*types, **more):
    return {"type": [*types, "null"], **more}


def record(**properties):
    """An object whose names are known."""
    return kind("object", properties=properties, additionalProperties=False)


TEXT, FLAG, COUNT, LIST, MAP = kind("string"), kind("boolean"), kind("integer", minimum=0), kind("array"), kind("object")
ANY, ENV = {}, {"$ref": "#/definitions/env"}
SWITCH = {"enum": [True, False, "true", "false", None]}
PULL = {"enum": ["Always", "IfNotPresent", "Never", None]}
TEXTS = kind("object", additionalProperties=kind("string", "number", "boolean"))
VARIABLES = kind("array", items={**record(name={"type": "string"}, value=TEXT, valueFrom=MAP), "required": ["name"]})
# The chart's values. Those of ANY are of aws-vpc-cni's chart, and ignored.
VALUES = record(
    nameOverride=TEXT,
    fullnameOverride=TEXT,
    image=record(repository=TEXT, overrideRepository=TEXT, override=TEXT, tag=TEXT, pullPolicy=PULL, account=ANY, domain=ANY, endpoint=ANY, region=ANY),
    imagePullSecrets=LIST,
    env=ENV,
    extraEnv=VARIABLES,
    init={**record(image=ANY, env=ENV, securityContext=MAP, resources=MAP), "required": ["env", "securityContext"]},
    cniConfig=record(enabled=FLAG, fileContents=TEXT),
    serviceAccount=record(create=FLAG, name=TEXT, annotations=TEXTS),
    originalMatchLabels=FLAG,
    priorityClassName=TEXT,
    revisionHistoryLimit=COUNT,
    terminationGracePeriodSeconds=COUNT,
    updateStrategy=MAP,
    resources=MAP,
    podSecurityContext=MAP,
    securityContext=MAP,
    livenessProbe=MAP,
    livenessProbeTimeoutSeconds=COUNT,
    readinessProbe=MAP,
    readinessProbeTimeoutSeconds=COUNT,
    podAnnotations=TEXTS,
    podLabels=TEXTS,
    nodeSelector=MAP,
    tolerations=LIST,
    affinity=MAP,
    extraVolumes=LIST,
    extraVolumeMounts=LIST,
    podMonitor=record(create=FLAG, namespace=TEXT, labels=TEXTS, interval=TEXT, sampleLimit=COUNT),
    prometheusRule=record(create=FLAG, namespace=TEXT, labels=TEXTS),
    grafanaDashboard=record(create=FLAG, namespace=TEXT, labels=TEXTS, annotations=TEXTS),
    enableNetworkPolicy=SWITCH,
    enableWindowsIpam=SWITCH,
    enableWindowsPrefixDelegation=ANY,
    warmWindowsPrefixTarget=ANY,
    warmWindowsIPTarget=ANY,
    minimumWindowsIPTarget=ANY,
    branchENICooldown=ANY,
    nodeAgent=ANY,
    eniConfig=record(create=SWITCH, region=ANY, subnets=ANY),
    crd=record(create=ANY),
    cri=record(hostPath=ANY),
    **{"global": MAP},  # Helm's own, of a chart that has this one in it
)
# To Helm a section with nothing in it (`image:`) has no defaults either.
SECTIONS = ["image", "env", "init", "cniConfig", "serviceAccount", "securityContext", "livenessProbe", "readinessProbe"]
SECTIONS += ["podMonitor", "prometheusRule", "grafanaDashboard"]


def schema(ours, foreign):
    texts = {name: setting["text"] for name, setting in ours.items()}
    texts.update({name: f"aws-vpc-cni's, {setting['effect']}: {setting['why']}" for name, setting in foreign.items()})
    env = {**TEXTS, "properties": {name: kind("string", "number", "boolean", description=text) for name, text in texts.items()}}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"env": env}, **VALUES, "type": "object", "required": SECTIONS}


def main(folder=CHART):
    ours, foreign = settings()
    known = {"ours": {name: {key: setting[key] for key in setting if key != "text"} for name, setting in ours.items()}, "foreign": foreign}
    for name, content in {"values.schema.json": schema(ours, foreign), "files/settings.json": known}.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
