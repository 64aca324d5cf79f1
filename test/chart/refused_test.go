package chart

import "testing"

// TestRefusedExposure is TestRefusedValues for how the server is reached and where its pods run.
func TestRefusedExposure(t *testing.T) {
	server := func(key string, value any) values { return values{"server": values{key: value}} }
	controller := func(key string, value any) values { return values{"controller": values{key: value}} }
	certManager := func(v values) values { return server("tls", values{"certManager": v}) }
	pods := "labels that select pods cannot be changed"
	cases := map[string]refusal{
		"service type":      {"nobody needs a port on each node", server("service", values{"type": "NodePort"}), "/server/service/type"},
		"range":             {"a network has a prefix", server("service", values{"loadBalancerSourceRanges": []string{"192.0.2.1"}}), "/loadBalancerSourceRanges/0"},
		"annotation":        {"a truth is no text", server("service", values{"annotations": values{"a": true}}), "/server/service/annotations/a"},
		"annotation's key":  {"the API server would refuse it", server("ingress", values{"annotations": values{"a b": "c"}}), "'a b'"},
		"host with port":    {"an Ingress has no port", server("ingress", values{"host": "scim.example.com:443"}), "/server/ingress/host"},
		"URL as host":       {"a host has no scheme", server("ingress", values{"host": "https://scim.example.com"}), "/server/ingress/host"},
		"address as host":   {"the API server would refuse it", server("ingress", values{"host": "192.0.2.1"}), "/server/ingress/host"},
		"unknown ingress":   {"a misspelt value has no effect", server("ingress", values{"class": "nginx"}), "class"},
		"parent's name":     {"a Gateway has a name", server("httpRoute", values{"parentRefs": []values{{"namespace": "gateways"}}}), "/server/httpRoute/parentRefs/0"},
		"unknown of parent": {"a misspelt value has no effect", server("httpRoute", values{"parentRefs": []values{{"name": "a", "section": "b"}}}), "section"},
		"policy's host":     {"a host has no port", server("httpRoute", values{"backendTLSPolicy": values{"hostname": "a:443"}}), "/backendTLSPolicy/hostname"},
		"policy's name":     {"a ConfigMap has no capitals", server("httpRoute", values{"backendTLSPolicy": values{"caConfigMapName": "CA"}}), "/caConfigMapName"},
		"self-signed":       {"text is no truth", server("tls", values{"selfSigned": values{"enabled": "yes"}}), "/server/tls/selfSigned/enabled"},
		"hostname":          {"a name has no space", server("httpRoute", values{"hostnames": []string{"a b"}}), "/server/httpRoute/hostnames/0"},
		"issuer's kind":     {"kinds begin with a capital", certManager(values{"issuerRef": values{"kind": "issuer"}}), "/server/tls/certManager/issuerRef/kind"},
		"unknown issuer":    {"a misspelt value has no effect", certManager(values{"issuer": "ca"}), "issuer"},
		"duration":          {"a duration has no days", certManager(values{"duration": "90d"}), "/server/tls/certManager/duration"},
		"DNS name":          {"an address is none", certManager(values{"dnsNames": []string{"192.0.2.1"}}), "/server/tls/certManager/dnsNames/0"},
		"no minimum":        {"nobody would serve", server("autoscaling", values{"minReplicas": 0}), "/server/autoscaling/minReplicas"},
		"no target":         {"nobody uses nothing", server("autoscaling", values{"targetCPUUtilizationPercentage": 0}), "/targetCPUUtilizationPercentage"},
		"server's label":    {pods, server("podLabels", values{"app.kubernetes.io/component": "x"}), "/server/podLabels"},
		"controller's":      {pods, controller("podLabels", values{"app.kubernetes.io/name": "x"}), "/controller/podLabels"},
		"label":             {"a label has no space", controller("podLabels", values{"a": "b c"}), "/controller/podLabels/a"},
		"node label":        {"a truth is no text", controller("nodeSelector", values{"a": true}), "/controller/nodeSelector/a"},
		"toleration":        {"a misspelt value has no effect", controller("tolerations", []values{{"effects": "NoSchedule"}}), "effects"},
		"effect":            {"there is no such effect", server("tolerations", []values{{"effect": "NoRun"}}), "/server/tolerations/0/effect"},
		"affinity":          {"a misspelt value has no effect", server("affinity", values{"podAntiaffinity": values{}}), "podAntiaffinity"},
		"priority":          {"a name has no capitals", server("priorityClassName", "High"), "/server/priorityClassName"},
		"pull secret":       {"it is a list of objects, as in a pod", values{"imagePullSecrets": []string{"registry"}}, "/imagePullSecrets/0"},
		"interval":          {"a number has no unit", values{"metrics": values{"serviceMonitor": values{"interval": 30}}}, "/metrics/serviceMonitor/interval"},
		"chart's label": {
			"two labels would have one name", values{"metrics": values{"serviceMonitor": values{"labels": values{"app.kubernetes.io/name": "x"}}}},
			"/metrics/serviceMonitor/labels",
		},
		"no such alert":     {"a misspelt name has no effect", rules(values{"disabled": []string{"ScimNoLeaders"}}), "/metrics/prometheusRule/disabled/0"},
		"no such threshold": {"a misspelt value has no effect", rules(values{"thresholds": values{"errors": 1}}), "errors"},
		"whole":             {"no ratio is above it", rules(values{"thresholds": values{"errorRatio": 1}}), "/metrics/prometheusRule/thresholds/errorRatio"},
		"seconds":           {"the histogram ends at 300", rules(values{"thresholds": values{"revocationSeconds": 300}}), "/thresholds/revocationSeconds"},
		"alert's label":     {"Prometheus would refuse it", rules(values{"alertLabels": values{"a.b": "c"}}), "'a.b'"},
		"dashboard's label": {"two labels would have one name", dashboards(values{"labels": values{"app.kubernetes.io/name": "x"}}), "/metrics/dashboards/labels"},
		"namespace":         {"a name has no capitals", dashboards(values{"namespace": "Grafana"}), "/metrics/dashboards/namespace"},
		"collector's port":  {"there is no port that everybody would expect", values{"tracing": values{"endpoint": "http://collector"}}, "/tracing/endpoint"},
		"collector's path":  {"a path means OTLP over HTTP", values{"tracing": values{"endpoint": "http://collector:4318/v1/traces"}}, "/tracing/endpoint"},
		"more than all":     {"a part is not more than all", values{"tracing": values{"samplingRatio": 1.5}}, "/tracing/samplingRatio"},
		"runbook's section": {"each alert adds its own", rules(values{"runbookUrl": "https://example.com/#top"}), "/metrics/prometheusRule/runbookUrl"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { tc.check(t, "specifications of the schema") })
	}
}

// TestRefusedTogether: values that are right one by one, and make no sense together.
func TestRefusedTogether(t *testing.T) {
	server := func(v values) values { return values{"server": v} }
	cases := map[string]refusal{
		"no issuer":  {"nobody would sign", server(values{"tls": values{"certManager": values{"enabled": true}}}), "server.tls.certManager.issuerRef.name"},
		"no Gateway": {"the route would be nobody's", server(values{"httpRoute": values{"enabled": true}}), "server.httpRoute.parentRefs"},
		"no host":    {"it would take /scim from all hosts", server(values{"ingress": values{"enabled": true}}), "server.ingress.host"},
		"address":    {"an Ingress takes no address", server(values{"externalUrl": "https://192.0.2.1", "ingress": values{"enabled": true}}), "server.ingress.host"},
		"ranges":     {"they would admit everybody", server(values{"service": values{"loadBalancerSourceRanges": []string{"192.0.2.0/24"}}}), "server.service.type"},
		"two keys": {
			"one Secret has one certificate",
			server(values{"tls": values{"selfSigned": values{"enabled": true}, "certManager": values{"enabled": true, "issuerRef": values{"name": "a"}}}}),
			"server.tls.selfSigned",
		},
		"no host of the policy": {
			"the Gateway checks a host",
			server(values{"httpRoute": values{"enabled": true, "parentRefs": []values{{"name": "a"}}, "backendTLSPolicy": values{"enabled": true}}}),
			"server.httpRoute.backendTLSPolicy.hostname",
		},
		"twice":   {"one of the two would win", values{"directories": []values{{"name": "okta"}, {"name": "okta", "spec": values{}}}}, "directories has okta twice"},
		"maximum": {"the API server would refuse it", server(values{"autoscaling": values{"enabled": true, "maxReplicas": 1}}), "server.autoscaling.maxReplicas"},
		"no request": {
			"the target is a part of it", server(values{"resources": values{"requests": values{"cpu": nil}}, "autoscaling": values{"enabled": true}}),
			"server.resources.requests.cpu",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { tc.check(t, "execution error") })
	}
}
