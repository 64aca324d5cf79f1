package chaos_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// projection is everything that a scene has led to, in a form that is the same for two runs that came to the same: names that say who and
// what in the place of ids, hashes and the scene's tag, and nothing that tells when, how often, or by which way.
type projection struct {
	// objects are those that count, one line of JSON each. Repair removes the others when they are ten minutes old (slices: one).
	objects []string
	// counted are the resourceVersions of those, by kind and name.
	counted map[string]string
	// passed are the people whom each AccessPlan has let through.
	passed map[string]passed
	// versions are the resourceVersions, to see whether anything is still written.
	versions string
}

// projected are the kinds that a scene can lead to.
func projected() []schema.GroupVersionKind {
	var all []schema.GroupVersionKind
	for _, kind := range []string{"ScimUser", "ScimRole", "ScimRoleSlice", "ScimClaim", "ClusterAccessGrant", "AccessPlan", "AppAccount"} {
		all = append(all, v1alpha1.GroupVersion.WithKind(kind))
	}
	return append(all, rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"), rbacv1.SchemeGroupVersion.WithKind("RoleBinding"))
}

// project reads all objects of the scene, live.
func (s *scene) project(ctx context.Context) (projection, error) {
	mine, err := s.mine(ctx)
	if err != nil {
		return projection{}, err
	}
	p, err := s.describe(mine)
	if err == nil && s.flow.app {
		var accounts []string
		accounts, err = s.accounts(ctx)
		for _, line := range accounts {
			p.objects = append(p.objects, strings.ReplaceAll(line, s.tag, "TAG"))
		}
	}
	return p, err
}

// mine are the objects that have the scene's tag in them.
func (s *scene) mine(ctx context.Context) (mine []unstructured.Unstructured, err error) {
	for _, kind := range projected() {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		if err := s.kube.List(ctx, list); err != nil {
			return nil, fmt.Errorf("list %s: %w", kind.Kind, err)
		}
		for _, item := range list.Items {
			text, err := json.Marshal(item.Object)
			if err != nil {
				return nil, err
			}
			if strings.Contains(string(text), s.tag) {
				mine = append(mine, item)
			}
		}
	}
	return mine, nil
}

func (s *scene) describe(mine []unstructured.Unstructured) (projection, error) {
	p := projection{counted: map[string]string{}, passed: map[string]passed{}}
	owners, slicesInUse := map[string]bool{}, map[string]bool{}
	for i := range mine {
		if item := &mine[i]; item.GetKind() == "ScimClaim" {
			owners[field(item, "owner")] = true
		}
	}
	for i := range mine {
		if item := &mine[i]; item.GetKind() == "ScimRole" && owners[item.GetName()] {
			names, _, _ := unstructured.NestedStringSlice(item.Object, "spec", "slices")
			for _, name := range names {
				slicesInUse[name] = true
			}
		}
	}
	alias := s.aliases(mine)
	together := map[string][]string{}
	var versions []string
	for i := range mine {
		item := &mine[i]
		versions = append(versions, item.GetKind()+"/"+item.GetName()+"@"+item.GetResourceVersion())
		kind := item.GetKind()
		if (kind == "ScimUser" || kind == "ScimRole") && !owners[item.GetName()] || kind == "ScimRoleSlice" && !slicesInUse[item.GetName()] {
			continue
		}
		p.counted[kind+"/"+item.GetName()] = item.GetResourceVersion()
		if kind == "ScimRoleSlice" { // which of a role's slices has whom follows from ids, which differ
			members, _, _ := unstructured.NestedStringSlice(item.Object, "spec", "members")
			together[field(item, "role")] = append(together[field(item, "role")], members...)
			continue
		}
		line, err := s.line(item, alias)
		if err != nil {
			return p, err
		}
		p.objects = append(p.objects, line)
		if kind == "AccessPlan" {
			p.passed[strings.ReplaceAll(item.GetName(), s.tag, "TAG")] = passedOf(item)
		}
	}
	for role, members := range together {
		for i, id := range members {
			members[i] = cmp.Or(alias[id], id)
		}
		slices.Sort(members)
		line := fmt.Sprintf("slices of %s: %v", alias[role], members)
		p.objects = append(p.objects, strings.ReplaceAll(line, s.tag, "TAG"))
	}
	slices.Sort(p.objects)
	slices.Sort(versions)
	p.versions = strings.Join(versions, "\n")
	return p, nil
}

func field(item *unstructured.Unstructured, name string) string {
	text, _, _ := unstructured.NestedString(item.Object, "spec", name)
	return text
}

// aliases say for each name of an object what to call it.
func (s *scene) aliases(mine []unstructured.Unstructured) map[string]string {
	alias := map[string]string{}
	for who, id := range s.ids {
		alias[id] = "former:" + who // one who is deleted is a member still, and has no object that says who it was
	}
	for i := range mine {
		item := &mine[i]
		switch item.GetKind() {
		case "ScimUser":
			alias[item.GetName()] = "user:" + field(item, "userName")
		case "ScimRole":
			alias[item.GetName()] = "role:" + field(item, "displayName")
		case "ScimClaim":
			alias[item.GetName()] = "claim:" + field(item, "value")
		case "ScimRoleSlice":
			alias[item.GetName()] = "slice"
		case "AppAccount":
			alias[item.GetName()] = "account"
		case "ClusterRoleBinding", "RoleBinding":
			alias[item.GetName()] = "binding"
		}
	}
	return alias
}

// longestFirst are the names in an order in which none is replaced within another that begins with it.
func longestFirst(alias map[string]string) []string {
	return slices.SortedFunc(maps.Keys(alias), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
}

// line is one object without what differs between runs.
func (s *scene) line(item *unstructured.Unstructured, alias map[string]string) (string, error) {
	labels := item.GetLabels()
	if labels[v1alpha1.LabelSelector] != "" {
		labels[v1alpha1.LabelSelector] = "a hash of what has the tag in it"
	}
	metadata := map[string]any{"name": item.GetName(), "namespace": item.GetNamespace(), "labels": labels, "finalizers": item.GetFinalizers()}
	object := map[string]any{"kind": item.GetKind(), "metadata": metadata}
	for key, value := range item.Object {
		if key != "kind" && key != "apiVersion" && key != "metadata" {
			object[key] = timeless(value)
		}
	}
	text, err := json.Marshal(object)
	if err != nil {
		return "", err
	}
	line := string(text)
	for _, name := range longestFirst(alias) {
		line = strings.ReplaceAll(line, name, alias[name])
	}
	return clock.ReplaceAllString(strings.ReplaceAll(line, s.tag, "TAG"), "TIME"), nil
}

// clock finds times in messages.
var clock = regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d`)

// timeless drops what says when something happened or how often it was tried, at any depth.
func timeless(value any) any {
	switch v := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for key, inner := range v {
			switch {
			case strings.HasSuffix(key, "Time"), strings.HasSuffix(key, "Since"), strings.HasSuffix(key, "At"), key == "observedGeneration",
				key == "time", key == "digest", key == "uid", key == "people", key == "input", key == "accountID",
				key == "passes", key == "passed", key == "reservedBy":
			case key == "peaks":
				kept[key] = highest(inner)
			default:
				kept[key] = timeless(inner)
			}
		}
		return kept
	case []any:
		list := make([]any, 0, len(v))
		for _, inner := range v {
			list = append(list, timeless(inner))
		}
		return list
	}
	return value
}

// passed is how many people a guard let pass, by why, and whether it has set a place aside for one more.
type passed struct {
	by       map[string]int64
	reserved bool
}

// passedOf adds up what an AccessPlan counts. It counts those of a minute together, and in which minute somebody passes is chance.
func passedOf(plan *unstructured.Unstructured) passed {
	found := passed{by: map[string]int64{}}
	by, _, _ := unstructured.NestedString(plan.Object, "status", "reservedBy")
	found.reserved = by != ""
	passes, _, _ := unstructured.NestedSlice(plan.Object, "status", "passes")
	for _, pass := range listOf(passes) {
		reason, _, _ := unstructured.NestedString(pass, "reason")
		count, _, _ := unstructured.NestedInt64(pass, "count")
		found.by[reason] += count
	}
	return found
}

// diff says what is wrong with a count, which is to be that of the reference. Where a process may have ended, its successor counts one by the limit
// too many when it cannot know whether that one passed, or, as long as nobody else leaves, one too few for whom there is a place.
func (x passed) diff(reference passed, ended bool) string {
	got, want := x.by[string(v1alpha1.PassLimit)], reference.by[string(v1alpha1.PassLimit)]
	near := got == want || ended && (got == want+1 || got == want-1 && x.reserved)
	if near && x.by[string(v1alpha1.PassAlone)] == reference.by[string(v1alpha1.PassAlone)] {
		return ""
	}
	return fmt.Sprintf("passed: %v, want %v\n", x.by, reference.by)
}

// highest is the most people that a guard has seen: it keeps that for each minute.
func highest(peaks any) (most int64) {
	for _, peak := range listOf(peaks) {
		count, _, _ := unstructured.NestedInt64(peak, "count")
		most = max(most, count)
	}
	return most
}

func listOf(value any) (maps []map[string]any) {
	list, _ := value.([]any)
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			maps = append(maps, m)
		}
	}
	return maps
}
