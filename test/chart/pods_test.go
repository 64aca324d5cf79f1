package chart

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

const scalerKey = "HorizontalPodAutoscaler " + namespace + "/scim-operator-server"

// placement sets, for one part, every value that decides on where its pods run and what they carry.
var placement = values{
	"priorityClassName": "system-cluster-critical",
	"nodeSelector":      values{"kubernetes.io/os": "linux", "example.com/spot": "false"},
	"tolerations": []values{
		{"key": "example.com/dedicated", "operator": "Equal", "value": "access", "effect": "NoExecute", "tolerationSeconds": 3000000}, {"operator": "Exists"},
	},
	"affinity": values{"podAntiAffinity": values{"requiredDuringSchedulingIgnoredDuringExecution": []values{
		{"topologyKey": "topology.kubernetes.io/zone", "labelSelector": values{"matchLabels": values{"team": "access"}}},
	}}},
	"podAnnotations": values{"example.com/number": "1"},
	"podLabels":      values{"team": "access"},
}

// TestPlacement: the values of one part reach its pods, and nothing else.
func TestPlacement(t *testing.T) {
	for part, key := range map[string]string{"server": serverKey, "controller": controllerKey} {
		t.Run(part, func(t *testing.T) {
			v := values{part: placement}
			want := as[appsv1.Deployment](t, render(t, nil), key)
			pods := &want.Spec.Template
			pods.Annotations = map[string]string{"example.com/number": "1"}
			pods.Labels["team"] = "access"
			pods.Spec.PriorityClassName = "system-cluster-critical"
			pods.Spec.NodeSelector = map[string]string{"kubernetes.io/os": "linux", "example.com/spot": "false"}
			pods.Spec.Tolerations = []corev1.Toleration{{
				Key: "example.com/dedicated", Operator: corev1.TolerationOpEqual, Value: "access", Effect: corev1.TaintEffectNoExecute,
				TolerationSeconds: ptr.To[int64](3000000),
			}, {Operator: corev1.TolerationOpExists}}
			pods.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
					TopologyKey: "topology.kubernetes.io/zone", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "access"}},
				}},
			}}
			if diff := cmp.Diff(want, as[appsv1.Deployment](t, render(t, v), key)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", key, diff)
			}
			wantAdded(t, v, []string{key})
		})
	}
}

// TestImagePullSecrets: there is one image, so the Secrets are for both parts.
func TestImagePullSecrets(t *testing.T) {
	v := values{"imagePullSecrets": []values{{"name": "registry"}, {"name": "mirror.example"}}}
	for _, key := range []string{serverKey, controllerKey} {
		want := as[appsv1.Deployment](t, render(t, nil), key)
		want.Spec.Template.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}, {Name: "mirror.example"}}
		if diff := cmp.Diff(want, as[appsv1.Deployment](t, render(t, v), key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	wantAdded(t, v, []string{serverKey, controllerKey})
}

// TestAutoscaling: one of the two says how many replicas there are, the Deployment or the HorizontalPodAutoscaler.
func TestAutoscaling(t *testing.T) {
	v := values{"server": values{"replicas": 7, "autoscaling": values{"enabled": true, "minReplicas": 3, "maxReplicas": 12, "targetCPUUtilizationPercentage": 65}}}
	all := render(t, v)
	deployment := as[appsv1.Deployment](t, render(t, nil), serverKey)
	deployment.Spec.Replicas = nil
	if diff := cmp.Diff(deployment, as[appsv1.Deployment](t, all, serverKey)); diff != "" {
		t.Errorf("the Deployment (-want +got):\n%s", diff)
	}
	want := autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: deployment.APIVersion, Kind: deployment.Kind, Name: deployment.Name},
		MinReplicas:    ptr.To[int32](3), MaxReplicas: 12,
		Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](65)},
		}}},
	}
	if diff := cmp.Diff(want, as[autoscalingv2.HorizontalPodAutoscaler](t, all, scalerKey).Spec); diff != "" {
		t.Errorf("the autoscaler (-want +got):\n%s", diff)
	}
	wantAdded(t, v, []string{serverKey}, scalerKey)
}

// TestDisruptions: of each part, draining nodes takes one replica at a time, and the last one too, or no node could be drained.
func TestDisruptions(t *testing.T) {
	all := render(t, nil)
	for part, key := range map[string]string{"server": serverKey, "controller": controllerKey} {
		want := policyv1.PodDisruptionBudgetSpec{MaxUnavailable: ptr.To(intstr.FromInt32(1)), Selector: as[appsv1.Deployment](t, all, key).Spec.Selector}
		if diff := cmp.Diff(want, as[policyv1.PodDisruptionBudget](t, all, "PodDisruptionBudget "+namespace+"/scim-operator-"+part).Spec); diff != "" {
			t.Errorf("%s (-want +got):\n%s", part, diff)
		}
	}
}

// TestServiceMonitor: what Prometheus is told to scrape are the metrics ports of both parts, which their NetworkPolicies admit.
func TestServiceMonitor(t *testing.T) {
	const (
		monitorKey = "ServiceMonitor " + namespace + "/scim-operator"
		endpoint   = "port: metrics, honorLabels: true, scheme: https, bearerTokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token, tlsConfig: {insecureSkipVerify: true}"
		selector   = "selector: {matchLabels: {app.kubernetes.io/name: scim-operator, app.kubernetes.io/component: metrics}}"
	)
	monitor := func(v values) values {
		v["enabled"] = true
		return values{"metrics": values{"serviceMonitor": v}}
	}
	all := render(t, monitor(values{}))
	wantCustom(t, all, monitorKey, "monitoring.coreos.com/v1", "default", "{"+selector+", endpoints: [{"+endpoint+"}]}")
	for _, part := range []string{"server", "controller"} {
		key := "Service " + namespace + "/scim-operator-" + part + "-metrics"
		from := admitted(t, all, part, portBehind(t, all, key, part, "metrics"))
		if len(from) != 1 || from[0].NamespaceSelector == nil || from[0].NamespaceSelector.MatchLabels["metrics"] != "enabled" {
			t.Errorf("the NetworkPolicy of the %s admits %v, but values.yaml says namespaces with the label metrics=enabled", part, from)
		}
	}
	selected := []string{}
	for key, object := range all {
		labels := object.GetLabels()
		if object.GetKind() == "Service" && labels["app.kubernetes.io/name"] == "scim-operator" && labels["app.kubernetes.io/component"] == "metrics" {
			selected = append(selected, key)
		}
	}
	if len(selected) != 2 {
		t.Errorf("the ServiceMonitor selects %v, want the Services of the two parts", selected)
	}
	wantAdded(t, monitor(values{}), nil, "Service "+namespace+"/scim-operator-controller-metrics", "Service "+namespace+"/scim-operator-server-metrics", monitorKey)

	all = render(t, monitor(values{"interval": "1m30s", "labels": values{"release": "prometheus"}}))
	wantCustom(t, all, monitorKey, "monitoring.coreos.com/v1", "interval", "{"+selector+", endpoints: [{interval: 1m30s, "+endpoint+"}]}")
	if got := all[monitorKey].GetLabels()["release"]; got != "prometheus" {
		t.Errorf("the label release is %q, want prometheus", got)
	}
}
