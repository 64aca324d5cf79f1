package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// rowsOf are the rows of the fields below a schema, each before those below it.
func rowsOf(schema *apiextensionsv1.JSONSchemaProps, path string) []string {
	var rows []string
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		field := schema.Properties[name]
		fieldPath := path + "." + name
		limits := limitsOf(&field)
		if slices.Contains(schema.Required, name) {
			limits = append([]string{"required"}, limits...)
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", fieldPath, typeOf(&field), defaultOf(&field), strings.Join(limits, "; "), inTable(field.Description)))
		below, suffix := elementOf(&field)
		rows = append(rows, rowsOf(below, fieldPath+suffix)...)
	}
	return rows
}

// elementOf is what a list or a map is made of, and what its path has for it; of anything else it is the schema itself.
func elementOf(schema *apiextensionsv1.JSONSchemaProps) (*apiextensionsv1.JSONSchemaProps, string) {
	switch {
	case schema.Items != nil && schema.Items.Schema != nil:
		return schema.Items.Schema, "[]"
	case schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil:
		return schema.AdditionalProperties.Schema, ".*"
	}
	return schema, ""
}

func typeOf(schema *apiextensionsv1.JSONSchemaProps) string {
	element, suffix := elementOf(schema)
	switch {
	case suffix == "[]":
		return "list of " + typeOf(element)
	case suffix == ".*":
		return "map to " + typeOf(element)
	case schema.XIntOrString:
		return "integer or string"
	case schema.XPreserveUnknownFields != nil && *schema.XPreserveUnknownFields && len(schema.Properties) == 0:
		return "any JSON"
	}
	return schema.Type
}

func defaultOf(schema *apiextensionsv1.JSONSchemaProps) string {
	if schema.Default == nil {
		return ""
	}
	return code(string(schema.Default.Raw))
}

// limitsOf says what a value must be like. What is said of the elements of a list begins with each.
func limitsOf(schema *apiextensionsv1.JSONSchemaProps) []string {
	var limits []string
	add := func(text string) {
		if text != "" {
			limits = append(limits, text)
		}
	}
	add(between(schema.MinLength, schema.MaxLength, "character"))
	add(between(schema.MinItems, schema.MaxItems, "entry"))
	add(between(schema.MinProperties, schema.MaxProperties, "entry"))
	add(betweenNumbers(schema.Minimum, schema.Maximum))
	if schema.Format != "" {
		add(schema.Format)
	}
	if schema.Pattern != "" {
		add("pattern " + code(schema.Pattern))
	}
	if len(schema.Enum) > 0 {
		choices := make([]string, len(schema.Enum))
		for i, choice := range schema.Enum {
			choices[i] = code(strings.Trim(string(choice.Raw), `"`))
		}
		add("one of " + strings.Join(choices, ", "))
	}
	if keys := schema.XListMapKeys; len(keys) > 0 {
		add("different " + strings.Join(keys, " and "))
	}
	if schema.XListType != nil && *schema.XListType == "set" {
		add("all different")
	}
	if element, suffix := elementOf(schema); suffix != "" {
		if of := limitsOf(element); len(of) > 0 {
			add("each: " + strings.Join(of, ", "))
		}
	}
	return limits
}

// between says how many there may be of something that is counted.
func between(least, most *int64, what string) string {
	plural := what + "s"
	if what == "entry" {
		plural = "entries"
	}
	name := func(n int64) string {
		if n == 1 {
			return what
		}
		return plural
	}
	switch {
	case least == nil && most == nil:
		return ""
	case most == nil:
		return fmt.Sprintf("at least %d %s", *least, name(*least))
	case least == nil || *least == 0:
		return fmt.Sprintf("at most %d %s", *most, name(*most))
	case *least == *most:
		return fmt.Sprintf("exactly %d %s", *most, name(*most))
	}
	return fmt.Sprintf("%d to %d %s", *least, *most, plural)
}

func betweenNumbers(least, most *float64) string {
	number := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	switch {
	case least == nil && most == nil:
		return ""
	case most == nil:
		return "at least " + number(*least)
	case least == nil:
		return "at most " + number(*most)
	}
	return number(*least) + " to " + number(*most)
}

// rule is an expression of CEL that the API server holds a field to.
type rule struct{ path, expression, message string }

// rulesOf are the rules of a schema and, when asked, of all below it.
func rulesOf(schema *apiextensionsv1.JSONSchemaProps, path string, deep bool) []rule {
	var rules []rule
	for _, validation := range schema.XValidations {
		message := validation.Message
		if message == "" {
			message = validation.MessageExpression
		}
		rules = append(rules, rule{path, validation.Rule, message})
	}
	if !deep {
		return rules
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		field := schema.Properties[name]
		rules = append(rules, rulesOf(&field, path+"."+name, true)...)
	}
	if element, suffix := elementOf(schema); suffix != "" {
		rules = append(rules, rulesOf(element, path+suffix, true)...)
	}
	return rules
}

func ruleTable(rules []rule) string {
	var b strings.Builder
	b.WriteString("| At | Rule | Message |\n|---|---|---|\n")
	for _, r := range rules {
		at := "the object"
		if r.path != "" {
			at = code(r.path)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", at, code(r.expression), inTable(r.message))
	}
	return b.String()
}

// code is text between as many backticks as keep it together, for a cell of a table, where even code has to escape a bar.
func code(text string) string {
	text = strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
	if !strings.Contains(text, "`") {
		return "`" + text + "`"
	}
	return "`` " + text + " ``"
}

// inTable is a description in a cell: one line, and nothing in it is taken for Markdown but code between backticks.
func inTable(text string) string {
	return strings.ReplaceAll(plain(strings.Join(strings.Fields(text), " ")), "|", `\|`)
}

// paragraphs is a description as text of its own.
func paragraphs(text string) string {
	var all []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		all = append(all, plain(strings.Join(strings.Fields(paragraph), " ")))
	}
	return strings.Join(all, "\n\n")
}

var markup = strings.NewReplacer("<", "&lt;", "*", `\*`, "[", `\[`, "]", `\]`)

// plain escapes what Markdown would take for markup outside of code.
func plain(text string) string {
	parts := strings.Split(text, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = markup.Replace(parts[i])
	}
	return strings.Join(parts, "`")
}
