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

{{/*
scim-operator.placement are the fields of a pod's spec that say where it runs and who may pull its image. The argument is a list: the root
context and the values of the part.
*/}}
{{- define "scim-operator.placement" -}}
{{- $part := index . 1 -}}
{{- $fields := dict -}}
{{- with (index . 0).Values.imagePullSecrets }}{{ $_ := set $fields "imagePullSecrets" . }}{{ end -}}
{{- range $key := list "priorityClassName" "nodeSelector" "tolerations" "affinity" -}}
{{- with get $part $key }}{{ $_ := set $fields $key . }}{{ end -}}
{{- end -}}
{{- with $fields }}{{ toYaml . }}{{ end -}}
{{- end }}

{{/* scim-operator.externalName is the host of server.externalUrl if that is a name, and scim-operator.externalAddress if it is an address. */}}
{{- define "scim-operator.externalName" -}}
{{- with .Values.server.externalUrl }}{{ get (urlParse .) "hostname" | lower | regexFind "^[^:]*[^0-9.:][^:]*$" }}{{ end -}}
{{- end }}

{{- define "scim-operator.externalAddress" -}}
{{- with .Values.server.externalUrl }}{{ get (urlParse .) "hostname" | regexFind "^[0-9.]+$|^.*:.*$" }}{{ end -}}
{{- end }}

{{/* scim-operator.externalPath is the path of server.externalUrl, which a proxy takes away: the server knows nothing before /scim. */}}
{{- define "scim-operator.externalPath" -}}
{{- with .Values.server.externalUrl }}{{ get (urlParse .) "path" | trimSuffix "/" }}{{ end -}}
{{- end }}
