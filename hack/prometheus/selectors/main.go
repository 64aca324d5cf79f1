// Command selectors prints what PromQL expressions ask for, so that a test can hold it to what is exported: it reads a JSON list of expressions
// and writes, for each of them, the series that it selects and the labels that it names besides.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// expression is what one expression asks for.
type expression struct {
	Selectors []selector `json:"selectors"`
	// Labels are those of by, without, on, ignoring and group_left.
	Labels []string `json:"labels"`
}

// selector is one selection of series: the name of the metric, and the labels that it matches.
type selector struct {
	Metric string   `json:"metric"`
	Labels []string `json:"labels"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "selectors:", err)
		os.Exit(1)
	}
}

func run() error {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		return fmt.Errorf("reading the expressions: %w", err)
	}
	found := make([]expression, 0, len(texts))
	for _, text := range texts {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(text)
		if err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		found = append(found, read(parsed))
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

func read(root parser.Expr) expression {
	found := expression{Selectors: []selector{}, Labels: []string{}}
	parser.Inspect(root, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			s := selector{Labels: []string{}}
			for _, m := range n.LabelMatchers {
				if m.Name == labels.MetricName && m.Type == labels.MatchEqual {
					s.Metric = m.Value
					continue
				}
				s.Labels = append(s.Labels, m.Name)
			}
			found.Selectors = append(found.Selectors, s)
		case *parser.AggregateExpr:
			found.Labels = append(found.Labels, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				found.Labels = append(found.Labels, slices.Concat(n.VectorMatching.MatchingLabels, n.VectorMatching.Include)...)
			}
		}
		return nil
	})
	return found
}
