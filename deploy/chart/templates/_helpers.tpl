{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "vpcwire.fullname" -}}
{{- .Values.fullnameOverride | default .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "vpcwire.labels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/component: networking
app.kubernetes.io/part-of: vpcwire
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
k8s-app: aws-node
{{- end -}}

{{- define "vpcwire.image" -}}
{{- $repository := .Values.image.overrideRepository | default .Values.image.repository -}}
{{- .Values.image.override | default (printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion)) -}}
{{- end -}}

{{/* An existing DaemonSet keeps its selector: EKS's and ours have the first one, aws-vpc-cni's own chart makes the other. */}}
{{- define "vpcwire.selector" -}}
{{- if .Values.originalMatchLabels -}}
k8s-app: aws-node
{{- else -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- with .Values.podLabels }}
{{ include "vpcwire.texts" . }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels, annotations, settings: a line each, whose value is a text, also of true and 5; null is none. */}}
{{- define "vpcwire.texts" -}}
{{- $lines := list -}}
{{- range $name, $value := . -}}
{{- if not (kindIs "invalid" $value) -}}{{- $lines = append $lines (printf "%s: %s" $name (toString $value | quote)) -}}{{- end -}}
{{- end -}}
{{- join "\n" $lines -}}
{{- end -}}

{{/* A probe with our command, unless the owner has another way; timeoutSeconds in the probe itself wins. */}}
{{- define "vpcwire.probe" -}}
{{- $probe := deepCopy .probe -}}
{{- $other := or $probe.httpGet $probe.tcpSocket $probe.grpc -}}
{{- if and (not $other) (or (not $probe.exec) (include "vpcwire.foreignProbe" $probe)) -}}
{{- $_ := set $probe "exec" (dict "command" (list "/usr/bin/ipamctl" "health" .health)) -}}
{{- end -}}
{{- toYaml (merge $probe (dict "timeoutSeconds" .timeoutSeconds)) -}}
{{- end -}}

{{/* aws-vpc-cni's own probe, which every copy of its values has. */}}
{{- define "vpcwire.foreignProbe" -}}
{{- if contains "grpc-health-probe" (toString (.exec | default "")) -}}yes{{- end -}}
{{- end -}}

{{/* Kubernetes refuses privileged together with allowPrivilegeEscalation: false. */}}
{{- define "vpcwire.securityContext" -}}
{{- toYaml (ternary (omit . "allowPrivilegeEscalation") . (eq .privileged true)) -}}
{{- end -}}

{{/* What the chart says about its own mounts, and is no setting of the owner's. */}}
{{- define "vpcwire.ownVariables" -}}
{{- $names := list "HOST_CNI_BIN_PATH" "HOST_CNI_CONFDIR_PATH" "HOST_TMPFILES_PATH" "VPCWIRE_SYSCTL_FOLDER" "MY_NODE_NAME" -}}
{{- toJson (.Values.cniConfig.enabled | ternary (append $names "VPCWIRE_CONFLIST") $names) -}}
{{- end -}}

{{- define "vpcwire.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "vpcwire.fullname" .) -}}
{{- end -}}

{{- define "vpcwire.configMapName" -}}
vpcwire
{{- end -}}

{{/* Namespace, labels and annotations of an object for Prometheus or Grafana: (list . VALUES). */}}
{{- define "vpcwire.monitoringMetadata" -}}
{{- $values := index . 1 -}}
namespace: {{ $values.namespace | default (index . 0).Release.Namespace }}
labels:
  {{- include "vpcwire.labels" (index . 0) | nindent 2 }}
  {{- with $values.labels }}
  {{- include "vpcwire.texts" . | nindent 2 }}
  {{- end }}
{{- with $values.annotations }}
annotations:
  {{- include "vpcwire.texts" . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "vpcwire.metricsPort" -}}
{{- regexFind "[0-9]+$" (include "vpcwire.setting" (list . "VPCWIRE_METRICS_BIND_ADDRESS" "env" "extraEnv") | fromJson).value | default "61678" -}}
{{- end -}}
