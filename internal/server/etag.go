package server

import (
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/translate"
)

// checkIfMatch refuses a change of a version that the client has not seen (RFC 7644 section 3.14). Without the header it agrees.
func (c *call) checkIfMatch(object *metav1.ObjectMeta) error {
	header := c.request.Header.Values("If-Match")
	if len(header) == 0 || matches(header, translate.Version(object)) {
		return nil
	}
	return &scim.Error{Status: http.StatusPreconditionFailed, Detail: "The resource has changed since: its version is " + translate.Version(object) +
		", which If-Match does not name. Read it again and repeat the change."}
}

// notModified says whether the client has this version already (RFC 9110 section 13.1.2).
func (c *call) notModified(object *metav1.ObjectMeta) bool {
	return matches(c.request.Header.Values("If-None-Match"), translate.Version(object))
}

// matches compares weakly, as entity tags of SCIM must be: they are weak, and clients drop the mark.
func matches(header []string, version string) bool {
	version = strings.TrimPrefix(version, "W/")
	for _, line := range header {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == version {
				return true
			}
		}
	}
	return false
}
