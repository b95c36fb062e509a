{{- define "gatewright.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "gatewright.controller" -}}
{{ include "gatewright.fullname" . | trunc 52 | trimSuffix "-" }}-controller
{{- end -}}

{{- define "gatewright.selector" -}}
app.kubernetes.io/name: gatewright-controller
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gatewright.labels" -}}
{{ include "gatewright.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "gatewright.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "gatewright.controller" .) .Values.serviceAccount.name }}
{{- else -}}
{{ required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{- /* An image by digest, or by tag. Takes (list image root). */ -}}
{{- define "gatewright.image" -}}
{{- $image := index . 0 -}}
{{- $root := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default (printf "v%s" $root.Chart.AppVersion) $image.tag }}
{{- end -}}
{{- end -}}

{{- /* The value of the label gatewright.dev/controller on what the controller makes. */ -}}
{{- define "gatewright.mark" -}}
{{- $mark := .Values.controllerName | replace "/" "_" -}}
{{- if gt (len $mark) 63 -}}
{{- printf "%s-%s" (regexReplaceAll "[-._]+$" (trunc 54 $mark) "") (trunc 8 (sha256sum $mark)) -}}
{{- else -}}
{{- $mark -}}
{{- end -}}
{{- end -}}

{{- /* Not empty where new pods get readiness gates. */ -}}
{{- define "gatewright.gates" -}}
{{- if and .Values.aws.clusterName .Values.aws.podReadinessGates.enabled -}}
{{ include "gatewright.controller" . }}-pods
{{- end -}}
{{- end -}}

{{- define "gatewright.subject" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "gatewright.serviceAccount" . }}
    namespace: {{ .Release.Namespace }}
{{- end -}}
