{{/* Labels of one component's objects. Argument: the component. */}}
{{- define "workspace-proxy.labels" -}}
app.kubernetes.io/name: workspace-proxy
app.kubernetes.io/component: {{ . }}
{{- end }}

{{- define "workspace-proxy.image" -}}
{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}
{{- else }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Settings that webhook and relay have in common. */}}
{{- define "workspace-proxy.gitlab" -}}
WORKSPACE_PROXY_GITLAB_URL: {{ .Values.gitlab.url | quote }}
WORKSPACE_PROXY_CLIENT_ID: {{ .Values.gitlab.clientId | quote }}
WORKSPACE_PROXY_RELAY_URL: {{ .Values.relay.url | quote }}
{{- end }}

{{/* Further settings of the operator. Argument: a map of names without prefix. */}}
{{- define "workspace-proxy.settings" -}}
{{- range $name, $value := . }}
WORKSPACE_PROXY_{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "workspace-proxy.webhookConfig" -}}
{{ include "workspace-proxy.gitlab" . }}
WORKSPACE_PROXY_INJECT_IMAGE: {{ .Values.webhook.sidecarImage | default (include "workspace-proxy.image" .) | quote }}
WORKSPACE_PROXY_INJECT_ZONE: {{ .Values.webhook.zone | quote }}
WORKSPACE_PROXY_INJECT_SECRET: {{ .Values.webhook.secret | quote }}
WORKSPACE_PROXY_INJECT_TLS_SECRET: {{ .Values.webhook.workspaceTlsSecret | quote }}
WORKSPACE_PROXY_INJECT_SECRET_KEYS: {{ join "," .Values.webhook.secretKeys | quote }}
{{- if .Values.relay.broker }}
WORKSPACE_PROXY_BROKER: "on"
{{- end }}
{{- with .Values.gitlabWorkspaces }}
{{- if and .enabled .sharedNamespace }}
WORKSPACE_PROXY_INJECT_SECRETS_NAMESPACE: {{ .sharedNamespace | quote }}
{{- end }}
{{- end }}
{{- include "workspace-proxy.settings" .Values.webhook.settings }}
{{- end }}

{{- define "workspace-proxy.relayConfig" -}}
{{ include "workspace-proxy.gitlab" . }}
WORKSPACE_PROXY_RELAY_ZONES: {{ join "," .Values.relay.zones | quote }}
{{- if .Values.relay.broker }}
WORKSPACE_PROXY_CLIENT_SECRET_FILE: /etc/workspace-proxy/secrets/client-secret
WORKSPACE_PROXY_RELAY_DENY_FILE: /etc/workspace-proxy/deny-list/deny-list
{{- end }}
{{- include "workspace-proxy.settings" .Values.relay.settings }}
{{- end }}

{{/* Labels of the router's objects: GitLab's policy admits pods with the name of GitLab's proxy. */}}
{{- define "workspace-proxy.routerLabels" -}}
app.kubernetes.io/name: gitlab-workspaces-proxy
app.kubernetes.io/component: router
{{- end }}

{{/* Where pods run: over zones and nodes, and where the operator says. Arguments: root, labels of the pods. */}}
{{- define "workspace-proxy.scheduling" -}}
topologySpreadConstraints:
{{- $labels := .labels }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- $labels | nindent 8 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Arguments: port's name, and the scheme where it is HTTPS. */}}
{{- define "workspace-proxy.probes" -}}
startupProbe:
  httpGet: {path: /ping, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }}}
  periodSeconds: 1
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /ping, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }}}
  periodSeconds: 10
  timeoutSeconds: 3
readinessProbe:
  httpGet: {path: /ready, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }}}
  periodSeconds: 5
  timeoutSeconds: 3
{{- end }}

{{/* What both configurations of the webhook have. Arguments: root, name, path. */}}
{{- define "workspace-proxy.admission" -}}
name: {{ .name }}
admissionReviewVersions: [v1]
clientConfig:
  {{- with .root.Values.webhook.caBundle }}
  caBundle: {{ . }}
  {{- end }}
  service:
    namespace: {{ .root.Release.Namespace }}
    name: workspace-proxy-webhook
    path: {{ .path }}
    port: 443
# Without the sidecar the IDE of a labelled pod would be open to everyone.
failurePolicy: Fail
matchPolicy: Equivalent
sideEffects: {{ and .root.Values.gitlabWorkspaces.enabled (hasPrefix "/mutate" .path) | ternary "NoneOnDryRun" "None" }}
timeoutSeconds: 5
objectSelector:
  matchExpressions:
    {{- if has .objects (list "labelled" "unlabelled") }}
    - key: workspace-proxy.io/inject
      operator: {{ eq .objects "labelled" | ternary "Exists" "DoesNotExist" }}
    {{- end }}
    {{- if ne .objects "unlabelled" }}
    # Values other than "true" and "false" are refused rather than ignored.
    - key: workspace-proxy.io/inject
      operator: NotIn
      values: ["false"]
    {{- end }}
{{- if ne .objects "unlabelled" }}
# Updates that change neither spec nor labels don't need the webhook: annotations, finalizers.
matchConditions:
  - name: spec-or-labels-change
    expression: >-
      request.operation != 'UPDATE' || object.spec != oldObject.spec ||
      (has(object.metadata.labels) ? object.metadata.labels : {}) !=
      (has(oldObject.metadata.labels) ? oldObject.metadata.labels : {})
{{- end }}
namespaceSelector:
  matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values: {{ concat (list .root.Release.Namespace "kube-system") .root.Values.webhook.excludedNamespaces | toJson }}
    {{- with .namespaces }}
    - key: workspace-proxy.io/inject
      operator: {{ . }}
      values: [enabled]
    {{- end }}
{{- end }}

{{/* "true" where the webhook makes and renews its own certificate. */}}
{{- define "workspace-proxy.ownCertificate" -}}
{{- if not (or .Values.webhook.caBundle .Values.webhook.certManager.injectCaFrom) }}true{{ end }}
{{- end }}

{{/* "true" where the webhook has a token: for its certificate, or for the secrets of GitLab's workspaces. */}}
{{- define "workspace-proxy.asksApiServer" -}}
{{- if or (include "workspace-proxy.ownCertificate" .) .Values.gitlabWorkspaces.enabled }}true{{ end }}
{{- end }}

{{/* cert-manager writes caBundle where this annotation names a certificate. */}}
{{- define "workspace-proxy.caAnnotation" -}}
{{- with .Values.webhook.certManager.injectCaFrom }}
annotations:
  cert-manager.io/inject-ca-from: {{ . }}
{{- end }}
{{- end }}

{{/* Where a front sends a host: "router" for the zone of GitLab's workspaces, else "relay". Arguments: root, host. */}}
{{- define "workspace-proxy.backend" -}}
{{- $values := .root.Values }}
{{- and $values.gitlabWorkspaces.enabled (eq .host (printf "*.%s" $values.webhook.zone)) | ternary "router" "relay" }}
{{- end }}
