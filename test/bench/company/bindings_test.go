package company_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// patience is how long one change may take before the benchmark gives up.
const patience = 10 * time.Minute

// place is one binding: without a namespace a ClusterRoleBinding.
type place struct{ namespace, name string }

// bound is what a binding says.
type bound struct {
	grant    string
	subjects []rbacv1.Subject
}

func (x bound) names(subject string) bool {
	return slices.ContainsFunc(x.subjects, func(s rbacv1.Subject) bool { return s.Name == subject })
}

// bindings are those that the operator wrote, as a watch shows them.
type bindings struct {
	mu      sync.Mutex
	all     map[place]bound
	changed chan struct{}
}

// watchBindings starts the watches, in protobuf, so that reading them costs little of the machine that is measured.
func watchBindings(b *testing.B, config *rest.Config) *bindings {
	b.Helper()
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf
	clients, err := kubernetes.NewForConfig(config)
	must(b, err)
	seen := &bindings{all: map[place]bound{}, changed: make(chan struct{}, 1)}
	factory := informers.NewSharedInformerFactoryWithOptions(clients, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.LabelSelector = v1alpha1.LabelManagedBy + "=" + v1alpha1.ManagedBy
	}))
	for _, informer := range []toolscache.SharedIndexInformer{
		factory.Rbac().V1().ClusterRoleBindings().Informer(), factory.Rbac().V1().RoleBindings().Informer(),
	} {
		_, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: seen.put, UpdateFunc: func(_, after any) { seen.put(after) }, DeleteFunc: seen.drop,
		})
		must(b, err)
	}
	stop := make(chan struct{})
	factory.Start(stop)
	b.Cleanup(func() { close(stop); factory.Shutdown() })
	factory.WaitForCacheSync(stop)
	return seen
}

func describe(object any) (place, bound) {
	switch binding := object.(type) {
	case *rbacv1.ClusterRoleBinding:
		return place{"", binding.Name}, bound{binding.Labels[v1alpha1.LabelGrant], binding.Subjects}
	case *rbacv1.RoleBinding:
		return place{binding.Namespace, binding.Name}, bound{binding.Labels[v1alpha1.LabelGrant], binding.Subjects}
	case toolscache.DeletedFinalStateUnknown:
		return describe(binding.Obj)
	}
	return place{}, bound{}
}

func (s *bindings) put(object any) {
	at, what := describe(object)
	s.mu.Lock()
	s.all[at] = what
	s.mu.Unlock()
	s.tell()
}

func (s *bindings) drop(object any) {
	at, _ := describe(object)
	s.mu.Lock()
	delete(s.all, at)
	s.mu.Unlock()
	s.tell()
}

func (s *bindings) tell() {
	select {
	case s.changed <- struct{}{}:
	default: // Whoever waits has not looked yet.
	}
}

// await waits until something holds of the bindings, and gives the time at which it was seen to.
func (s *bindings) await(b *testing.B, what string, holds func(map[place]bound) bool) time.Time {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	for {
		s.mu.Lock()
		done := holds(s.all)
		s.mu.Unlock()
		if done {
			return time.Now()
		}
		select {
		case <-s.changed:
		case <-ctx.Done():
			b.Fatalf("still not true: %s", what)
		}
	}
}

// of are the bindings that name somebody.
func (s *bindings) of(subject string) []place {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []place
	for at, binding := range s.all {
		if binding.names(subject) {
			found = append(found, at)
		}
	}
	return found
}

// none says that these bindings name somebody no more.
func none(subject string, places []place) func(map[place]bound) bool {
	return func(all map[place]bound) bool {
		return !slices.ContainsFunc(places, func(at place) bool { return all[at].names(subject) })
	}
}

// count says how many bindings, and subjects in them, a grant has.
func count(all map[place]bound, grant string) (n, subjects int) {
	for _, binding := range all {
		if binding.grant == grant {
			n, subjects = n+1, subjects+len(binding.subjects)
		}
	}
	return n, subjects
}
