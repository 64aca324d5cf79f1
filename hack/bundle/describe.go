package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// describe adds to what a person wrote of the operator what follows from its parts.
func describe(config string, p *parts) (*v1alpha1.ClusterServiceVersion, error) {
	csv := &v1alpha1.ClusterServiceVersion{}
	text, err := os.ReadFile(filepath.Join(config, "manifests", "scim-operator.clusterserviceversion.yaml"))
	if err != nil {
		return nil, err
	}
	if err := yaml.UnmarshalStrict(text, csv); err != nil {
		return nil, err
	}
	icon, err := os.ReadFile(filepath.Join(config, "manifests", "icon.svg"))
	if err != nil {
		return nil, err
	}
	csv.Spec.Icon = []v1alpha1.Icon{{Data: base64.StdEncoding.EncodeToString(icon), MediaType: "image/svg+xml"}}
	for _, definition := range p.definitions {
		csv.Spec.CustomResourceDefinitions.Owned = append(csv.Spec.CustomResourceDefinitions.Owned, owned(definition))
	}
	if csv.Annotations["alm-examples"], err = examples(config, csv.Spec.CustomResourceDefinitions.Owned); err != nil {
		return nil, err
	}
	strategy, err := p.strategy()
	if err != nil {
		return nil, err
	}
	csv.Spec.InstallStrategy = v1alpha1.NamedInstallStrategy{StrategyName: v1alpha1.InstallStrategyNameDeployment, StrategySpec: strategy}
	csv.Annotations["containerImage"] = strategy.DeploymentSpecs[0].Spec.Template.Spec.Containers[0].Image
	return csv, nil
}

// owned says of a kind what its definition says.
func owned(definition *apiextensionsv1.CustomResourceDefinition) v1alpha1.CRDDescription {
	version := definition.Spec.Versions[0]
	paragraph, _, _ := strings.Cut(version.Schema.OpenAPIV3Schema.Description, "\n\n")
	var words strings.Builder
	for i, letter := range definition.Spec.Names.Kind {
		if i > 0 && unicode.IsUpper(letter) {
			words.WriteByte(' ')
		}
		words.WriteRune(letter)
	}
	return v1alpha1.CRDDescription{
		Name: definition.Name, Version: version.Name, Kind: definition.Spec.Names.Kind, DisplayName: words.String(),
		Description: strings.Join(strings.Fields(paragraph), " "),
	}
}

// examples are the first one of each kind, from what people are shown and, for kinds that only the operator writes, from what it would write.
func examples(config string, kinds []v1alpha1.CRDDescription) (string, error) {
	var paths []string
	for _, pattern := range []string{"samples/*.yaml", "manifests/examples/*.yaml"} {
		found, err := filepath.Glob(filepath.Join(config, pattern))
		if err != nil {
			return "", err
		}
		paths = append(paths, found...)
	}
	first := map[string]any{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		var object map[string]any
		if err := yaml.Unmarshal(text, &object); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		if kind, _ := object["kind"].(string); first[kind] == nil {
			first[kind] = object
		}
	}
	var all []any
	for _, kind := range kinds {
		if first[kind.Kind] == nil {
			return "", fmt.Errorf("there is no example of a %s: add one to config/manifests/examples", kind.Kind)
		}
		all = append(all, first[kind.Kind])
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(all)
	return text.String(), err
}

// strategy makes the Deployments and the rights of their accounts. Bindings and the roles that accounts have by them are taken out of the parts:
// the Lifecycle Manager makes its own.
func (p *parts) strategy() (v1alpha1.StrategyDetailsDeployment, error) {
	var s v1alpha1.StrategyDetailsDeployment
	for _, d := range p.deployments {
		s.DeploymentSpecs = append(s.DeploymentSpecs, v1alpha1.StrategyDeploymentSpec{Name: d.Name, Label: d.Labels, Spec: d.Spec})
		account := d.Spec.Template.Spec.ServiceAccountName
		rules, err := p.rulesOf(account)
		if err != nil {
			return s, err
		}
		clusterRules, err := p.clusterRulesOf(account)
		if err != nil {
			return s, err
		}
		s.Permissions = append(s.Permissions, v1alpha1.StrategyDeploymentPermissions{ServiceAccountName: account, Rules: rules})
		s.ClusterPermissions = append(s.ClusterPermissions, v1alpha1.StrategyDeploymentPermissions{ServiceAccountName: account, Rules: clusterRules})
	}
	if len(s.DeploymentSpecs) == 0 {
		return s, fmt.Errorf("config has no Deployment")
	}
	p.clusterRoles = slices.DeleteFunc(p.clusterRoles, func(role *rbacv1.ClusterRole) bool {
		return slices.ContainsFunc(p.clusterBinds, func(b *rbacv1.ClusterRoleBinding) bool { return b.RoleRef.Name == role.Name })
	})
	return s, nil
}

func (p *parts) rulesOf(account string) ([]rbacv1.PolicyRule, error) {
	var rules []rbacv1.PolicyRule
	for _, binding := range p.bindings {
		if !binds(binding.Subjects, account) {
			continue
		}
		at := slices.IndexFunc(p.roles, func(r *rbacv1.Role) bool { return r.Name == binding.RoleRef.Name && r.Namespace == binding.Namespace })
		if at < 0 || binding.RoleRef.Kind != "Role" {
			return nil, fmt.Errorf("RoleBinding %s names %s %s, which config does not have", binding.Name, binding.RoleRef.Kind, binding.RoleRef.Name)
		}
		rules = append(rules, p.roles[at].Rules...)
	}
	return rules, nil
}

func (p *parts) clusterRulesOf(account string) ([]rbacv1.PolicyRule, error) {
	var rules []rbacv1.PolicyRule
	for _, binding := range p.clusterBinds {
		if !binds(binding.Subjects, account) {
			continue
		}
		at := slices.IndexFunc(p.clusterRoles, func(r *rbacv1.ClusterRole) bool { return r.Name == binding.RoleRef.Name })
		if at < 0 {
			return nil, fmt.Errorf("ClusterRoleBinding %s names ClusterRole %s, which config does not have", binding.Name, binding.RoleRef.Name)
		}
		rules = append(rules, p.clusterRoles[at].Rules...)
	}
	return rules, nil
}

func binds(subjects []rbacv1.Subject, account string) bool {
	return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool { return s.Kind == "ServiceAccount" && s.Name == account })
}
