package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// Operation is one step of a JSON patch (RFC 6902).
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// Pointer joins the parts of a path as RFC 6901 asks.
func Pointer(parts ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var path strings.Builder
	for _, part := range parts {
		path.WriteByte('/')
		path.WriteString(escape.Replace(part))
	}
	return path.String()
}

// patience is how long somebody waits for others who change the same object: of several at once one comes through at a time, so there are nine
// tries, with pauses that differ, within some five seconds.
var patience = wait.Backoff{Steps: 9, Duration: 10 * time.Millisecond, Factor: 2, Jitter: 1}

// Change reads an object, asks what to change about it, and changes exactly that; what this version of the plugin does not know stays
// as it is. When somebody else changed the object meanwhile, it asks again about what is there then, a few times. Without
// operations nothing is written. The object is the latest afterwards.
func Change(ctx context.Context, kube client.Client, object client.Object, decide func() ([]Operation, error)) error {
	return retry.RetryOnConflict(patience, func() error {
		if err := kube.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		operations, err := decide()
		if err != nil || len(operations) == 0 {
			return err
		}
		// A patch that carries an older resourceVersion than the object's is refused as a conflict.
		operations = append(operations, Operation{Op: "replace", Path: "/metadata/resourceVersion", Value: object.GetResourceVersion()})
		raw, err := json.Marshal(operations)
		if err != nil {
			return fmt.Errorf("encoding the change: %w", err)
		}
		return kube.Patch(ctx, object, client.RawPatch(types.JSONPatchType, raw))
	})
}

// EnsureSpec makes the object spec of a directory that has none, which a JSON patch cannot reach into.
func EnsureSpec(directory *v1alpha1.ScimDirectory) []Operation {
	// A spec that is there has at least its defaults.
	if apiequality.Semantic.DeepEqual(directory.Spec, v1alpha1.ScimDirectorySpec{}) {
		return []Operation{{Op: "add", Path: "/spec", Value: map[string]any{}}}
	}
	return nil
}

// Annotate sets one annotation of an object.
func Annotate(object client.Object, key, value string) []Operation {
	var operations []Operation
	if len(object.GetAnnotations()) == 0 {
		operations = append(operations, Operation{Op: "add", Path: "/metadata/annotations", Value: map[string]string{}})
	}
	return append(operations, Operation{Op: "add", Path: Pointer("metadata", "annotations", key), Value: value})
}

// Unset removes labels or annotations, which field names, as far as the object has them.
func Unset(field string, existing map[string]string, keys ...string) []Operation {
	var operations []Operation
	for _, key := range keys {
		if _, found := existing[key]; found {
			operations = append(operations, Operation{Op: "remove", Path: Pointer("metadata", field, key)})
		}
	}
	return operations
}
