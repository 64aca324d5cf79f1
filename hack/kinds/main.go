// Command kinds writes a page for each kind, and one that lists them, from the CustomResourceDefinitions: what kubectl explain prints field
// by field can so be read, and linked to, as a whole. hack/generate.sh runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const notice = "<!-- Written from config/crd/bases by make generate: change the comments in api/v1alpha1 instead. -->\n"

// scopes are how a page says where objects of a kind are.
var scopes = map[apiextensionsv1.ResourceScope]string{
	apiextensionsv1.ClusterScoped: "of the whole cluster", apiextensionsv1.NamespaceScoped: "in a namespace",
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: kinds FOLDER-OF-DEFINITIONS FOLDER-OF-PAGES")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	all, err := pages(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(to, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// pages are the texts of all pages by the names of their files.
func pages(from string) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(from, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("there are no definitions in %s", from)
	}
	all := map[string]string{}
	var list []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, definition); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		page, err := pageOf(definition)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		name := definition.Spec.Names.Singular + ".md"
		all[name] = page
		list = append(list, fmt.Sprintf("| [%s](%s) | %s | %s |\n", definition.Spec.Names.Kind, name, definition.Spec.Scope, firstSentence(definition)))
	}
	slices.Sort(list)
	all["README.md"] = "# Kinds\n\n" + notice + "\nEvery kind of `scim-operator.io`, with each field, its default, its limits and the rules that the API server" +
		" holds it to. `kubectl explain` prints the same for one field.\n\n| Kind | Scope | What it is |\n|---|---|---|\n" + strings.Join(list, "")
	return all, nil
}

// storedVersion is the version that pages describe: the one in which objects are kept.
func storedVersion(definition *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinitionVersion {
	for i := range definition.Spec.Versions {
		if definition.Spec.Versions[i].Storage {
			return &definition.Spec.Versions[i]
		}
	}
	return nil
}

func firstSentence(definition *apiextensionsv1.CustomResourceDefinition) string {
	version := storedVersion(definition)
	text := strings.Join(strings.Fields(version.Schema.OpenAPIV3Schema.Description), " ")
	sentence, _, found := strings.Cut(text, ". ")
	if found {
		sentence += "."
	}
	return inTable(sentence)
}

func pageOf(definition *apiextensionsv1.CustomResourceDefinition) (string, error) {
	version := storedVersion(definition)
	if version == nil || version.Schema == nil || version.Schema.OpenAPIV3Schema == nil {
		return "", fmt.Errorf("%s has no stored version with a schema", definition.Name)
	}
	schema := version.Schema.OpenAPIV3Schema
	names := definition.Spec.Names
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n%s\n\n", names.Kind, notice, paragraphs(schema.Description))
	fmt.Fprintf(&b, "`apiVersion: %s/%s`, `kind: %s`, %s.", definition.Spec.Group, version.Name, names.Kind, scopes[definition.Spec.Scope])
	fmt.Fprintf(&b, " kubectl knows it as `%s`", names.Plural)
	for _, short := range names.ShortNames {
		fmt.Fprintf(&b, ", `%s`", short)
	}
	b.WriteString(".\n")
	if rules := rulesOf(schema, "", false); len(rules) > 0 {
		b.WriteString("\n## Rules for the whole object\n\n" + ruleTable(rules))
	}
	for _, part := range []string{"spec", "status"} {
		property, ok := schema.Properties[part]
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| Field | Type | Default | Limits | Meaning |\n|---|---|---|---|---|\n", part, paragraphs(property.Description))
		for _, row := range rowsOf(&property, part) {
			b.WriteString(row)
		}
		if rules := rulesOf(&property, part, true); len(rules) > 0 {
			fmt.Fprintf(&b, "\n### Rules of %s\n\n%s", part, ruleTable(rules))
		}
	}
	if columns := version.AdditionalPrinterColumns; len(columns) > 0 {
		b.WriteString("\n## What kubectl get shows\n\n| Column | Meaning |\n|---|---|\n")
		for i := range columns {
			b.WriteString(columnRow(&columns[i]))
		}
	}
	return b.String(), nil
}

func columnRow(column *apiextensionsv1.CustomResourceColumnDefinition) string {
	meaning := inTable(column.Description)
	if meaning == "" {
		meaning = "`" + column.JSONPath + "`"
	}
	if column.Priority > 0 {
		meaning += " (with `-o wide`)"
	}
	return fmt.Sprintf("| %s | %s |\n", column.Name, meaning)
}
