{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/*
What the values ask for and cannot be had: all of it at once, each with its value and a reason. values.schema.json sees to names
and types; files/aws-vpc-cni.yaml is the table of aws-vpc-cni's values, files/settings.json that of its settings and ours.
*/}}
{{- define "vpcwire.check" -}}
{{- $wrong := list (include "vpcwire.checkValues" .) (include "vpcwire.checkSettings" .) (include "vpcwire.checkImage" .) (include "vpcwire.checkPod" .) -}}
{{- with $wrong | join "" | trim -}}
{{- printf "these values cannot be used:\n%s" . | fail -}}
{{- end -}}
{{- end -}}

{{/* A value by its path ("init.image"), as text; nothing where it is not set. */}}
{{- define "vpcwire.value" -}}
{{- $value := .values -}}
{{- range splitList "." .path -}}
{{- if kindIs "map" $value -}}{{- $value = get $value . -}}{{- else -}}{{- $value = "" -}}{{- end -}}
{{- end -}}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "map[]")) -}}{{- toString $value -}}{{- end -}}
{{- end -}}

{{/* As JSON, what env, init.env and extraEnv set: that path -> name -> text. */}}
{{- define "vpcwire.settings" -}}
{{- $found := dict "env" dict "init.env" dict "extraEnv" dict -}}
{{- range $path, $settings := dict "env" .Values.env "init.env" .Values.init.env -}}
{{- range $name, $value := $settings -}}
{{- if not (kindIs "invalid" $value) -}}{{- $_ := set (get $found $path) $name (toString $value) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraEnv -}}{{- $_ := set $found.extraEnv .name (.value | default "") -}}{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* (list . NAME PATH...), the paths as Kubernetes has them, later ones win: as JSON, path, value, and isTrue, which is as ipamd takes it. */}}
{{- define "vpcwire.setting" -}}
{{- $found := dict "path" "" "value" "" "isTrue" false -}}
{{- $settings := include "vpcwire.settings" (index . 0) | fromJson -}}
{{- $name := index . 1 -}}
{{- range $path := slice . 2 -}}
{{- with get (get $settings $path) $name -}}
{{- $found = dict "path" $path "value" (toString .) "isTrue" (has (toString . | lower) (list "true" "t" "1")) -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{- define "vpcwire.checkValues" -}}
{{- range $path, $refused := (.Files.Get "files/aws-vpc-cni.yaml" | fromYaml).refused -}}
{{- if eq (include "vpcwire.value" (dict "values" $.Values "path" $path)) $refused.is }}
- {{ $path }}: {{ $refused.is }}: {{ $refused.why }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "vpcwire.checkSettings" -}}
{{- $known := .Files.Get "files/settings.json" | fromJson -}}
{{- range $path, $settings := include "vpcwire.settings" . | fromJson -}}
{{- range $name, $value := $settings -}}
{{- $foreign := get $known.foreign $name -}}
{{- if has $name (include "vpcwire.ownVariables" $ | fromJsonArray) }}
- {{ $path }}.{{ $name }}: {{ $value }}: the chart itself sets this variable; take it out
{{- else if and $foreign (eq (get (default dict $foreign) "effect") "refused") (has (lower $value) $foreign.values) }}
- {{ $path }}.{{ $name }}: {{ $value }}: {{ $foreign.why }}
{{- else if include "vpcwire.notAllowed" (list (get $known.ours $name) $value) }}
- {{ $path }}.{{ $name }}: {{ $value }}: allowed is {{ (get $known.ours $name).allowed }}
{{- else if not (or $foreign (hasKey $known.ours $name) (eq $path "extraEnv")) }}
- {{ $path }}.{{ $name }}: {{ $value }}: ipamd has no such setting (deploy/SETTINGS.md has all of them); a variable for something else goes into extraEnv
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* (list SETTING VALUE): whether ipamd would not start with it, as far as the table knows. An empty value is none. */}}
{{- define "vpcwire.notAllowed" -}}
{{- $setting := index . 0 | default dict -}}
{{- $value := index . 1 -}}
{{- if and $value $setting.words -}}
{{- if not (has (lower $value) $setting.words) -}}yes{{- end -}}
{{- else if and $value $setting.maximum -}}
{{- if not (regexMatch "^-?[0-9]{1,9}$" $value) -}}yes
{{- else if or (gt (int $value) (int $setting.maximum)) (and (hasKey $setting "minimum") (lt (int $value) (int $setting.minimum))) -}}yes
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "vpcwire.checkImage" -}}
{{- $tag := .Values.image.tag | default "" -}}
{{- if not (or .Values.image.override .Values.image.repository .Values.image.overrideRepository) }}
- image.repository: not set: there is no image to pull; build it, push it to a registry of yours (deploy/README.md, "The image"), and --set image.repository=REGISTRY/vpcwire
{{- end -}}
{{- if contains "amazon-k8s-cni" (include "vpcwire.image" .) }}
- image: {{ include "vpcwire.image" . }}: this is aws-vpc-cni's image; name the one that you built (deploy/README.md, "The image")
{{- else if and (not .Values.image.override) (hasPrefix "v1." $tag) }}
- image.tag: {{ $tag }}: this is a version of aws-vpc-cni; leave it empty for {{ .Chart.AppVersion }}, or give image.override the whole reference
{{- end -}}
{{- end -}}

{{- define "vpcwire.checkPod" -}}
{{- $add := (.Values.securityContext.capabilities | default dict).add | default list -}}
{{- if not (or .Values.securityContext.privileged (has "NET_ADMIN" $add) (has "ALL" $add)) }}
- securityContext.capabilities.add: {{ toJson $add }}: ipamd needs NET_ADMIN for the host's network
{{- end -}}
{{- $off := include "vpcwire.setting" (list . "DISABLE_METRICS" "env" "extraEnv") | fromJson -}}
{{- $bind := include "vpcwire.setting" (list . "VPCWIRE_METRICS_BIND_ADDRESS" "env" "extraEnv") | fromJson -}}
{{- if and .Values.podMonitor.create $off.isTrue }}
- podMonitor.create: true: with {{ $off.path }}.DISABLE_METRICS {{ $off.value }} there is nothing to read
{{- end -}}
{{- if and .Values.podMonitor.create (regexMatch `^(unix:|127\.|localhost:|\[[0:]*1\]:)` $bind.value) }}
- podMonitor.create: true: with {{ $bind.path }}.VPCWIRE_METRICS_BIND_ADDRESS {{ $bind.value }} the metrics are for the node alone; take it out, or set it to :61678
{{- end -}}
{{- if and .Values.cniConfig.enabled (regexMatch `"type"\s*:\s*"aws-cni"` .Values.cniConfig.fileContents) (not (include "vpcwire.setting" (list . "VPCWIRE_AWS_CNI_LINK" "env" "init.env" "extraEnv") | fromJson).isTrue) }}
- cniConfig.fileContents: "type": "aws-cni": our plugin's name is vpcwire; write that, or set env.VPCWIRE_AWS_CNI_LINK to true
{{- end -}}
{{- end -}}

{{/* For NOTES.txt: values that are set and not followed, and why. */}}
{{- define "vpcwire.notes" -}}
{{- range $path, $why := (.Files.Get "files/aws-vpc-cni.yaml" | fromYaml).ignored -}}
{{- if include "vpcwire.value" (dict "values" $.Values "path" $path) }}
- {{ $path }}: {{ $why }}
{{- end -}}
{{- end -}}
{{- range $probe := list "livenessProbe" "readinessProbe" -}}
{{- if include "vpcwire.foreignProbe" (get $.Values $probe) }}
- {{ $probe }}.exec: grpc-health-probe is not in the image; `ipamctl health` is asked
{{- end -}}
{{- end -}}
{{- $known := (.Files.Get "files/settings.json" | fromJson).foreign -}}
{{- range $path, $settings := include "vpcwire.settings" . | fromJson -}}
{{- range $name, $value := $settings -}}
{{- with get $known $name -}}
{{- if or (eq .effect "ignored") (has (lower $value) .values) }}
- {{ $path }}.{{ $name }}: {{ .why }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
