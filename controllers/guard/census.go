package guard

import (
	"context"
	"fmt"
	"sync"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// census knows the active users of each directory by the informer's events, so that a removal costs no look at everybody. It may be a
// moment behind the cache.
type census struct {
	mu sync.Mutex
	// directories says, by Print, which directory an active user came through, numbers how many each has.
	directories map[string]string
	numbers     map[string]int
	// synced says whether the initial list has been counted; nil before there is one.
	synced func() bool
}

func newCensus() *census { return &census{directories: map[string]string{}, numbers: map[string]int{}} }

// follow counts from now on.
func (c *census) follow(ctx context.Context, informers cache.Informers) error {
	informer, err := informers.GetInformer(ctx, &v1alpha1.ScimUser{})
	if err != nil {
		return fmt.Errorf("following users: %w", err)
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(user any) { c.see(user, false) },
		UpdateFunc: func(_, user any) { c.see(user, false) },
		DeleteFunc: func(user any) { c.see(user, true) },
	})
	if err != nil {
		return fmt.Errorf("following users: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.synced = registration.HasSynced
	return nil
}

// see enters what a user has become.
func (c *census) see(object any, gone bool) {
	if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	user, ok := object.(*v1alpha1.ScimUser)
	if !ok {
		return
	}
	behind := access.Print(user.Name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if directory, counted := c.directories[behind]; counted {
		delete(c.directories, behind)
		if c.numbers[directory]--; c.numbers[directory] == 0 {
			delete(c.numbers, directory)
		}
	}
	if !gone && user.IsActive() {
		c.directories[behind] = user.Spec.Directory
		c.numbers[user.Spec.Directory]++
	}
}

// with is the number of people who are active in a directory or among others, who are given by their Prints, each counted once. Who has no
// Print counts as somebody else. It is false while not everybody has been counted.
func (c *census) with(directory string, others []string) (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.synced == nil || !c.synced() {
		return 0, false
	}
	n := c.numbers[directory]
	for _, behind := range others {
		if in, active := c.directories[behind]; !active || in != directory {
			n++
		}
	}
	return n, true
}
