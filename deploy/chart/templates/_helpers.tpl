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
{{- .Values.image.override | default (printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion)) -}}
{{- end -}}

{{- define "vpcwire.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "vpcwire.fullname" .) -}}
{{- end -}}

{{- define "vpcwire.configMapName" -}}
vpcwire
{{- end -}}
