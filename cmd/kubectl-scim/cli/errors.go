package cli

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// ErrReported makes a command fail without another word, because its output says already why.
var ErrReported = errors.New("the output says what failed")

// UsageError is a command line that means nothing. Nothing was asked of the cluster.
type UsageError struct {
	// Command is the full name of the command whose help says more.
	Command string
	cause   error
}

func (e *UsageError) Error() string { return e.cause.Error() }

func (e *UsageError) Unwrap() error { return e.cause }

// Misuse makes a UsageError.
func Misuse(cmd *cobra.Command, format string, args ...any) error {
	return &UsageError{Command: cmd.CommandPath(), cause: fmt.Errorf(format, args...)}
}

// Explain adds to an error of the API server what the person can do about it.
func Explain(err error) error {
	if remedy := remedyOf(err); remedy != "" {
		return fmt.Errorf("%w\n%s", err, remedy)
	}
	return err
}

func remedyOf(err error) string {
	var network *net.OpError
	switch {
	case isMissingKind(err):
		return "The cluster does not have this kind: install scim-operator's CRDs (the chart does), or name another cluster with --context. " +
			"`kubectl scim doctor` checks them."
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "ValidatingAdmissionPolicy"):
		return "An admission policy of this cluster refuses the change, whatever your rights: its message says what to do."
	case apierrors.IsForbidden(err):
		return "Your account lacks this right: ask for it, or use another one with --context, --user or --as. `kubectl auth can-i --list` says what it may do."
	case apierrors.IsUnauthorized(err):
		return "The cluster does not know your credentials: sign in again, or name others with --context or --user."
	case clientcmd.IsEmptyConfig(err):
		return "No kubeconfig says where the cluster is: set KUBECONFIG, or give --kubeconfig or --server."
	case errors.As(err, &network):
		return "The API server cannot be reached: check the network, and the cluster of `kubectl config current-context`."
	}
	return ""
}

// isMissingKind tells a path that the API server does not serve from an object that does not exist.
func isMissingKind(err error) bool {
	if meta.IsNoMatchError(err) {
		return true
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Reason != metav1.StatusReasonNotFound {
		return false
	}
	details := status.Status().Details
	return details == nil || details.Name == ""
}
