package argocd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/argocd"
)

// pad makes a ConfigMap so long that little fits any more.
func (w *world) pad(name string, left int) {
	w.Helper()
	w.edit(name, func(data map[string]string) {
		used := len("padding")
		for key, value := range data {
			used += len(key) + len(value)
		}
		data["padding"] = strings.Repeat("x", 1<<20-64<<10-left-used)
	})
}

// TestFull: who does not fit any more is refused with the figures, and whoever is in can still be suspended, resumed and removed.
func TestFull(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, c connector.Connector) {
		in := account("in", giveable[:2]...)
		w.ensure(c, in)
		for _, full := range []string{policyName, settingsName} {
			if full == settingsName && w.accounts == argocd.SSO {
				continue
			}
			w.pad(full, 20)
			w.fails(c, account("out"), connector.Rejected, fmt.Sprintf("ConfigMap %s would have", full))
			if changed, err := c.Suspend(t.Context(), in.Owner); err != nil || !changed {
				t.Errorf("suspend: changed=%t, %v", changed, err)
			}
			w.edit(full, func(data map[string]string) { delete(data, "padding") })
			w.ensure(c, in)
		}
		w.pad(policyName, 20)
		if changed, err := c.Delete(t.Context(), in.Owner, connector.DeleteOptions{}); err != nil || !changed {
			t.Errorf("delete: changed=%t, %v", changed, err)
		}
	})
}

// TestHowManyFit puts the number that the documentation gives to the test.
func TestHowManyFit(t *testing.T) {
	w := newWorld(t, argocd.SSO)
	c := w.connector()
	const people = 3900
	w.edit(policyName, func(data map[string]string) { data[ownKey] = strings.Join(crowd(people), "\n") + "\n" })
	a := account("one more", giveable[0])
	w.ensure(c, a)
	page, err := c.List(t.Context(), "", 1000)
	if err != nil || len(page.Accounts) != 1000 || page.Complete {
		t.Errorf("got %d accounts, complete=%t, %v", len(page.Accounts), page.Complete, err)
	}
	all, err := connector.All(t.Context(), c, 1000)
	owned := 0
	for _, found := range all {
		if !found.Owner.IsZero() {
			owned++
		}
	}
	if err != nil || owned != people+1 {
		t.Errorf("got %d accounts with an owner, %v; want %d", owned, err, people+1)
	}
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed {
		t.Errorf("suspend: changed=%t, %v", changed, err)
	}
}

// crowd are the lines of many people with names and owners of usual lengths, and one role each.
func crowd(people int) []string {
	var lines []string
	for i := range people {
		name := fmt.Sprintf("firstname.lastname%05d@example.com", i)
		lines = append(lines,
			fmt.Sprintf(`# scim-operator {"app":"6f1f1c1e-0000-4000-8000-000000000001","person":"firstname.lastname%05d-0123456789","name":"%s","active":true,"roles":["%s"]}`,
				i, name, giveable[0]),
			row("g", name, giveable[0]))
	}
	return lines
}
