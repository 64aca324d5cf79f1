{{/*
The names are fixed and do not carry the release's name: the kinds are cluster-scoped, so a second operator in the same cluster would
work on the same objects as the first. Helm refuses such a second release because the names are taken.
*/}}

{{/* scim-operator.labels are the labels of an object. The argument is a list: the root context and, if there is one, the component. */}}
{{- define "scim-operator.labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: scim-operator
{{- if gt (len .) 1 }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_") }}
{{- end }}

{{/* scim-operator.selector selects the pods of a component. It never changes, because a Deployment's selector cannot. */}}
{{- define "scim-operator.selector" -}}
app.kubernetes.io/name: scim-operator
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* scim-operator.image are the image and its pull policy. */}}
{{- define "scim-operator.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
{{- with .Values.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end }}
