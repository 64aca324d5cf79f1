package main

import (
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func number(n int32) *int32 { return &n }

func TestDirectoryStatus(t *testing.T) {
	kube := newKube(t)
	makeObject(t, kube, newDirectory("okta-form", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Credentials = []v1alpha1.Credential{{Name: "2026-01", TokenSHA256: sha("x")}}
		d.Status = v1alpha1.ScimDirectoryStatus{
			URL: "https://scim.example.com/scim/okta-form/v2", Users: number(12), SuspendedUsers: number(2), Roles: number(3), LastRequestTime: at(-5 * time.Minute),
			Conditions: []metav1.Condition{{
				Type: v1alpha1.DirectoryReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonServing, Message: "Requests are served.", LastTransitionTime: *at(-time.Hour),
			}},
		}
	}))
	for _, format := range []string{"", "table", "wide", "json", "yaml", "name"} {
		args := []string{"directory", "status", "okta-form"}
		if format != "" {
			args = append(args, "-o", format)
		}
		golden(t, "directory-status"+format, scim(t, args...).want(t, 0).stdout)
	}
	makeObject(t, kube, newDirectory("basic-form", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Suspend, d.Spec.Resources = true, v1alpha1.ResourcesUsers
		d.Spec.Credentials = []v1alpha1.Credential{{Name: "key", BasicSecretRef: v1alpha1.BasicSecretRef{Name: "okta-basic"}}}
	}))
	golden(t, "directory-status-basic", scim(t, "directory", "status", "basic-form").want(t, 0).stdout)
	makeObject(t, kube, newDirectory("entra-form", func(d *v1alpha1.ScimDirectory) { d.Spec.Provider = v1alpha1.ProviderEntra }))
	golden(t, "directory-status-entra", scim(t, "directory", "status", "entra-form").want(t, 0).stdout)
	var all []struct{ Name string }
	must(t, json.Unmarshal([]byte(scim(t, "directory", "status", "-o", "json").want(t, 0).stdout), &all))
	if len(all) < 3 {
		t.Errorf("without a name, %d directories are shown, want all", len(all))
	}
	scim(t, "directory", "status", "nowhere").want(t, 1, "there is no ScimDirectory")
}

func TestSuspendAndResume(t *testing.T) {
	kube := newKube(t)
	makeObject(t, kube, &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "switch"}})
	read := func() *v1alpha1.ScimDirectory {
		d := &v1alpha1.ScimDirectory{}
		must(t, kube.Get(t.Context(), client.ObjectKey{Name: "switch"}, d))
		return d
	}
	scim(t, "suspend", "switch").want(t, 0, "refused with 403", "kubectl scim resume switch")
	suspended := read()
	if !suspended.Spec.Suspend {
		t.Fatal("the directory is not suspended")
	}
	scim(t, "directory", "suspend", "switch").want(t, 0, "already")
	if got := read().ResourceVersion; got != suspended.ResourceVersion {
		t.Error("suspending a suspended directory writes something")
	}
	scim(t, "directory", "resume", "switch").want(t, 0, "serves again")
	if read().Spec.Suspend {
		t.Error("the directory is still suspended")
	}
	scim(t, "resume", "switch").want(t, 0, "was not suspended")
	scim(t, "suspend", "nowhere").want(t, 1, "there is no ScimDirectory")
}
