package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"
)

// The formats of --output.
const (
	FormatJSON  = "json"
	FormatYAML  = "yaml"
	FormatWide  = "wide"
	FormatName  = "name"
	FormatTable = "table"
)

// Output prints results in the format that --output names.
type Output struct {
	format  string
	formats []string
}

// NewOutput is an Output of some of the formats.
func NewOutput(formats ...string) *Output { return &Output{formats: formats} }

// AllFormats is an Output of every format.
func AllFormats() *Output {
	return NewOutput(FormatJSON, FormatYAML, FormatWide, FormatName, FormatTable)
}

// Bind adds the flag --output to a command.
func (o *Output) Bind(cmd *cobra.Command) {
	cmd.Flags().VarP(o, "output", "o", "Output format: "+strings.Join(o.formats, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(o.formats, cobra.ShellCompDirectiveNoFileComp))
}

// Set implements pflag.Value.
func (o *Output) Set(format string) error {
	if !slices.Contains(o.formats, format) {
		return fmt.Errorf("there is no format %q here: choose one of %s", format, strings.Join(o.formats, ", "))
	}
	o.format = format
	return nil
}

// String implements pflag.Value.
func (o *Output) String() string { return o.format }

// Type implements pflag.Value.
func (*Output) Type() string { return "format" }

// Result is what a command was asked for, in the forms that it can be printed in.
type Result struct {
	// Data is encoded for json and yaml.
	Data any
	// Names are printed for name, one a line.
	Names []string
	// Table is printed for table and wide, and without --output when there is no Text. Columns of a priority above 0 are for wide.
	Table *metav1.Table
	// Text writes what is printed without --output.
	Text func(io.Writer)
}

// Print writes a result.
func (o *Output) Print(out io.Writer, r Result) error {
	switch o.format {
	case FormatJSON:
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(clean(r.Data))
	case FormatYAML:
		raw, err := yaml.Marshal(clean(r.Data))
		if err != nil {
			return err
		}
		_, err = out.Write(raw)
		return err
	case FormatName:
		for _, name := range r.Names {
			fmt.Fprintln(out, name)
		}
		return nil
	case FormatWide, FormatTable:
		return o.printTable(out, r.Table)
	}
	if r.Text != nil {
		r.Text(out)
		return nil
	}
	return o.printTable(out, r.Table)
}

func (o *Output) printTable(out io.Writer, table *metav1.Table) error {
	return printers.NewTablePrinter(printers.PrintOptions{Wide: o.format == FormatWide}).PrintObj(table, out)
}

// clean takes out of Kubernetes objects what only machines that apply them look at, as kubectl get does, and makes an empty list of none.
func clean(data any) any {
	object, ok := data.(runtime.Object)
	if !ok {
		if value := reflect.ValueOf(data); value.Kind() == reflect.Slice && value.IsNil() {
			return []any{}
		}
		return data
	}
	object = object.DeepCopyObject()
	if accessor, err := apimeta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	if apimeta.IsListType(object) {
		_ = apimeta.EachListItem(object, func(item runtime.Object) error {
			accessor, err := apimeta.Accessor(item)
			if err == nil {
				accessor.SetManagedFields(nil)
			}
			return err
		})
	}
	return object
}

// NewTable makes a table. A column whose name starts with "+" is for the wide format only.
func NewTable(columns ...string) *metav1.Table {
	table := &metav1.Table{}
	for _, name := range columns {
		column := metav1.TableColumnDefinition{Name: name, Type: "string"}
		if wide, ok := strings.CutPrefix(name, "+"); ok {
			column.Name, column.Priority = wide, 1
		}
		table.ColumnDefinitions = append(table.ColumnDefinitions, column)
	}
	return table
}

// AddRow adds a row with a cell for each column. An empty text is shown as a dash, so that columns stay columns for programs that
// split at white space.
func AddRow(table *metav1.Table, cells ...string) {
	row := metav1.TableRow{}
	for _, cell := range cells {
		if cell == "" {
			cell = "-"
		}
		row.Cells = append(row.Cells, cell)
	}
	table.Rows = append(table.Rows, row)
}
