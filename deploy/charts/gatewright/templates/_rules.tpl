{{- /* Rights on what is cluster-scoped. */ -}}
{{- define "gatewright.rules.cluster" -}}
- apiGroups: [gateway.networking.k8s.io]
  resources: [gatewayclasses]
  # patch: the finalizer gateway-exists-finalizer.gateway.networking.k8s.io
  verbs: [list, watch, patch]
- apiGroups: [gateway.networking.x-k8s.io]
  resources: [xmeshes]
  verbs: [list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gatewayclasses/status]
  verbs: [patch]
- apiGroups: [gateway.networking.x-k8s.io]
  resources: [xmeshes/status]
  verbs: [patch]
# Which kinds are served, and of which release.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [list, watch]
- apiGroups: [certificates.k8s.io]
  resources: [clustertrustbundles]
  verbs: [list, watch]
# Labels that listeners select the namespaces of their routes by.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- if .Values.aws.clusterName }}
# Nodes as targets of load balancers.
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
{{- end }}
{{- with include "gatewright.gates" . }}
# The CA bundle of the webhook that gives new pods readiness gates.
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations]
  resourceNames: [{{ . }}]
  verbs: [get, update]
{{- end }}
# Who a proxy is.
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
{{- end -}}

{{- /* Rights where Gateways, routes and what they refer to are. */ -}}
{{- define "gatewright.rules.gateways" -}}
- apiGroups: [gateway.networking.k8s.io]
  resources:
    - backendtlspolicies
    - gateways
    - grpcroutes
    - httproutes
    - listenersets
    - referencegrants
    - tcproutes
    - tlsroutes
    - udproutes
  verbs: [list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources:
    - backendtlspolicies/status
    - gateways/status
    - grpcroutes/status
    - httproutes/status
    - listenersets/status
    - tcproutes/status
    - tlsroutes/status
    - udproutes/status
  verbs: [patch]
- apiGroups: [gateway.networking.x-k8s.io]
  resources: [xbackends, xbackendtrafficpolicies, xtelemetrypolicies]
  verbs: [list, watch]
- apiGroups: [gateway.networking.x-k8s.io]
  resources: [xbackends/status, xbackendtrafficpolicies/status, xtelemetrypolicies/status]
  verbs: [patch]
- apiGroups: [gatewright.dev]
  resources: [awsbackends, awslatticeparameters, awsloadbalancerparameters, awsrouteparameters, awstargetgroupbindings, awstargetgroupparameters, softwaregatewayparameters]
  verbs: [list, watch]
{{- if .Values.aws.clusterName }}
- apiGroups: [gatewright.dev]
  resources: [awstargetgroupbindings/status, awstargetgroupparameters/status]
  verbs: [patch]
# Which targets are ours, and the finalizer gatewright.dev/cloud-resources.
- apiGroups: [gatewright.dev]
  resources: [awstargetgroupbindings]
  verbs: [get, patch]
# Pods that wait for load balancers, and the condition of their readiness gate.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
# The finalizer gatewright.dev/cloud-resources.
- apiGroups: [gateway.networking.k8s.io]
  resources: [gateways]
  verbs: [patch]
{{- end }}
# Certificates, authorities and backends.
- apiGroups: [""]
  resources: [configmaps, secrets, services]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
{{ include "gatewright.rules.events" . }}
{{- end -}}

{{- define "gatewright.rules.events" -}}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{- /* Rights where proxies run. */ -}}
{{- define "gatewright.rules.proxies" -}}
- apiGroups: [""]
  resources: [configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [daemonsets, deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# On which nodes proxies are ready: the addresses of Gateways that are reached through nodes.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
{{- end -}}

{{- /* Rights beside the controller: its Lease and its certificate authority. Creation cannot be bound to a name. */ -}}
{{- define "gatewright.rules.own" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [gatewright-controller]
  verbs: [get, update]
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [gatewright-ca]
  verbs: [get, update]
{{- end -}}
