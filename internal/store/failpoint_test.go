package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

// TestEveryWriteHasAFailpoint reads the package's source: the client's writing methods are called in write.go alone, once a
// function, and each call lies between the two sides of the function's failpoint. Every failpoint has a name of its own, and each is
// used by some write.
func TestEveryWriteHasAFailpoint(t *testing.T) {
	writing := []string{"Create", "Update", "Patch", "Delete", "DeleteAllOf", "Apply", "Status", "SubResource"}
	used := map[string]bool{}
	for name, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := selector.X.(*ast.Ident); ok && x.Name == "failpoint" {
					used[selector.Sel.Name] = true
				}
				if isClient(selector.X) && slices.Contains(writing, selector.Sel.Name) && name != "write.go" {
					t.Errorf("%s calls %s of the client: only write.go may write", name, selector.Sel.Name)
				}
			}
			return true
		})
		if name != "write.go" {
			continue
		}
		for _, declaration := range file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				checkBracketed(t, function, writing)
			}
		}
	}
	names := failpoint.Names()
	if unique := slices.Compact(slices.Sorted(slices.Values(names))); len(unique) != len(names) {
		t.Errorf("%d names of %d failpoints", len(unique), len(names))
	}
	for _, name := range names {
		var identifier strings.Builder
		for _, word := range strings.FieldsFunc(string(name), func(r rune) bool { return r == '.' || r == '-' }) {
			identifier.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
		if !used[identifier.String()] {
			t.Errorf("no write uses the failpoint %s", name)
		}
	}
}

func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*ast.File{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = file
	}
	return files
}

func isClient(x ast.Expr) bool {
	selector, ok := x.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "client"
}

// checkBracketed wants the calls Hit(point, Before), one write, Hit(point, After), in this order.
func checkBracketed(t *testing.T, function *ast.FuncDecl, writing []string) {
	t.Helper()
	var calls []string
	ast.Inspect(function, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		switch {
		case !ok:
		case selector.Sel.Name == "Hit":
			when, _ := call.Args[1].(*ast.SelectorExpr)
			calls = append(calls, when.Sel.Name)
		case isClient(selector.X) && slices.Contains(writing, selector.Sel.Name):
			calls = append(calls, "write")
		}
		return true
	})
	if !slices.Equal(calls, []string{"Before", "write", "After"}) {
		t.Errorf("%s of write.go: %v, want a write between the two sides of a failpoint", function.Name.Name, calls)
	}
}
