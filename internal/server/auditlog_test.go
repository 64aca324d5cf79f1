package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	testclock "k8s.io/utils/clock/testing"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// flaky is a file on a disk that is full now and then.
type flaky struct {
	bytes.Buffer
	full bool
}

func (f *flaky) Write(line []byte) (int, error) {
	if f.full {
		n, _ := f.Buffer.Write(line[:3])
		return n, errors.New("no space left")
	}
	return f.Buffer.Write(line)
}

func TestAuditLogOmits(t *testing.T) {
	clock := testclock.NewFakePassiveClock(time.Unix(100000, 0))
	out, said := &flaky{}, 0
	log := NewAuditLog(out, clock, funcr.New(func(string, string) { said++ }, funcr.Options{}))
	for range strangersLines + 5 {
		log.write(&auditLine{Status: 401})
	}
	log.write(&auditLine{Credential: "first", Status: 200})
	clock.SetTime(clock.Now().Add(time.Minute))
	log.write(&auditLine{Status: 401})
	out.full = true
	log.write(&auditLine{Credential: "first", Status: 201})
	log.write(&auditLine{Credential: "first", Status: 202})
	out.full = false
	log.write(&auditLine{Credential: "first", Status: 203})

	whole, torn := map[int]int{}, 0
	omitted := map[int]int{}
	for text := range strings.SplitSeq(strings.TrimSpace(out.String()), "\n") {
		var line auditLine
		if json.Unmarshal([]byte(text), &line) != nil {
			torn++
			continue
		}
		whole[line.Status]++
		omitted[line.Status] += line.Omitted
	}
	if diff := cmp.Diff(map[int]int{401: strangersLines + 1, 200: 1, 203: 1}, whole); diff != "" {
		t.Errorf("strangers cannot fill the log, and a full disk spoils no later line: -want, +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[int]int{401: 0, 200: 5, 203: 2}, omitted); diff != "" {
		t.Errorf("what is left out is counted in the next line: -want, +got:\n%s", diff)
	}
	if said != 1 {
		t.Errorf("the operational log speaks of a full disk once a minute, not %d times; %d torn", said, torn)
	}
}

func TestAuditFileIsRotated(t *testing.T) {
	clock := testclock.NewFakePassiveClock(time.Unix(100000, 0))
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := OpenAuditFile(path, clock)
	if err != nil {
		t.Fatal(err)
	}
	write := func(line string) {
		t.Helper()
		clock.SetTime(clock.Now().Add(auditFileCheck))
		if _, err := file.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	want := func(reason, name, content string) {
		t.Helper()
		got, err := os.ReadFile(name)
		if diff := cmp.Diff(content, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %v: -want, +got:\n%s", reason, err, diff)
		}
	}
	write("one")
	want("lines are appended", path, "before\none\n")
	moved := path + ".1"
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	write("two")
	want("a file that was moved is finished", moved, "before\none\n")
	want("and there is a new one", path, "two\n")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("an audit log is its owner's alone: %v, %v", info.Mode(), err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write("three")
	want("a file that was emptied is written on", path, "three\n")
	if err := errors.Join(os.Remove(path), file.Close()); err != nil {
		t.Fatal(err)
	}
	write("four")
	want("a file that was closed and deleted is made again", path, "four\n")
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAuditFile(filepath.Join(path, "below"), nil); err == nil {
		t.Error("a path that cannot be opened is said at once")
	}
}

func TestChangedNames(t *testing.T) {
	urn := scim.EnterpriseUserSchema
	before := scim.Resource{
		"schemas": []any{"a"}, "id": "1", "userName": "a", "active": true, "name": map[string]any{"givenName": "A", "familyName": "B"},
		"emails": []any{map[string]any{"value": "a@example.com"}}, urn: map[string]any{"department": "x", "division": "y"},
	}
	tests := []struct {
		reason string
		change func(scim.Resource)
		want   []string
	}{
		{"nothing changed", func(scim.Resource) {}, nil},
		{"what the server sets is no change", func(r scim.Resource) { r["id"], r["meta"], r["schemas"] = "2", map[string]any{}, []any{} }, nil},
		{"a value", func(r scim.Resource) { r["active"] = false }, []string{"active"}},
		{"a value that is gone", func(r scim.Resource) { delete(r, "userName") }, []string{"userName"}},
		{"a part of a complex attribute", func(r scim.Resource) { r["name"].(map[string]any)["givenName"] = "C" }, []string{"name.givenName"}},
		{"several values are one attribute", func(r scim.Resource) { r["emails"] = []any{} }, []string{"emails"}},
		{"an attribute of an extension", func(r scim.Resource) { delete(r[urn].(map[string]any), "division") }, []string{urn + ":division"}},
		{"a whole extension", func(r scim.Resource) { delete(r, urn) }, []string{urn + ":department", urn + ":division"}},
		{"a long name", func(r scim.Resource) { r[strings.Repeat("x", 200)] = 1 }, []string{strings.Repeat("x", 128) + "…"}},
	}
	for _, test := range tests {
		after := before.Clone()
		test.change(after)
		if diff := cmp.Diff(test.want, changedNames(before, after)); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", test.reason, diff)
		}
	}
}
