package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// maxRetryAfter bounds what the API server may ask of an identity provider, so that a mistake there does not stop provisioning.
const maxRetryAfter = 60 * time.Second

const (
	textBusy       = "The cluster cannot serve this at the moment. Send the request again after the time in Retry-After."
	textNotSynced  = "The list is not complete yet because this server has just started. Send the request again after the time in Retry-After."
	textContention = "The resource is being changed by several requests at once. Send the request again after the time in Retry-After."
)

// retrySoon spreads retries over one to five seconds, so that clients that failed together do not come back together.
func retrySoon() time.Duration {
	return time.Duration(1+rand.IntN(5)) * time.Second //nolint:gosec // spreading retries needs no secret randomness
}

// tryAgain is a 429; err may be nil. A delay that the API server asks for is passed on.
func tryAgain(detail string, err error) *scim.Error {
	after := retrySoon()
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok && seconds > 0 {
		after = min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	return scim.TryAgain(after, detail, err)
}

// isGone says whether err means that the object itself does not exist. A 404 for the whole kind, as when the
// CustomResourceDefinition is missing, is not that: an identity provider that is told 404 gives the user up.
func isGone(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	if details == nil || details.Name == "" {
		return false
	}
	for _, cause := range details.Causes {
		if cause.Type == metav1.CauseTypeUnexpectedServerResponse {
			return false
		}
	}
	return true
}

// isAway says whether err means that the API server was not reached, or that it has just started and refuses everybody for want of what it has
// not read yet.
func isAway(err error) bool {
	var status apierrors.APIStatus
	var transport *url.Error
	if err == nil {
		return false
	}
	if !errors.As(err, &status) {
		// client-go has no type for an answer that breaks off.
		return errors.As(err, &transport) || strings.Contains(err.Error(), "when reading response body")
	}
	return apierrors.IsServiceUnavailable(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsUnauthorized(err) || isOurLack(err)
}

// notDone says of an error for which isAway holds whether what was asked has certainly not been done.
func notDone(err error) bool {
	return utilnet.IsConnectionRefused(err) || apierrors.IsUnauthorized(err) || isOurLack(err)
}

// isOurLack says whether a 403 is about this server and not about what a client wants stored: a right that it lacks, which is what an API server
// says to everybody until it has read the roles, or admission that is not ready.
func isOurLack(err error) bool {
	return apierrors.IsForbidden(err) && (forbiddenToUs.MatchString(err.Error()) || strings.Contains(err.Error(), "not yet ready to handle request"))
}

// forbiddenToUs is how the API server begins when authorisation fails. Admission never begins so.
var forbiddenToUs = regexp.MustCompile(`is forbidden: User "[^"]*" cannot `)

// isRefusal says whether err means that the API server has certainly not done what was asked, and will not.
func isRefusal(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) || isTooLarge(err)
}

// isTooLarge says whether err means that the object does not fit. The API server knows its own limit; that of etcd, which is
// lower, comes through it in etcd's words only.
func isTooLarge(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return apierrors.IsRequestEntityTooLargeError(err) || strings.Contains(text, "etcdserver: request is too large") ||
		strings.Contains(text, "trying to send message larger than max")
}

// isRace says whether err means that somebody else wrote first.
func isRace(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || isGone(err)
}

// toSCIM says what a SCIM client is told about err, which keeps err as its cause for the log. What is not known to be the
// request's fault is a 429, the one answer after which an identity provider tries again.
func toSCIM(err error) error {
	var known *scim.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case isTooLarge(err):
		return &scim.Error{
			Status: http.StatusRequestEntityTooLarge, Cause: err,
			Detail: "The resource is larger than the cluster can store. Map fewer or shorter attributes to it.",
		}
	case isOurLack(err):
		return tryAgain(textBusy, err)
	case apierrors.IsForbidden(err), isPolicy(err):
		return &scim.Error{
			Status: http.StatusForbidden, Cause: err,
			Detail: "The cluster's own rules refuse this change. Ask the administrator of the cluster; the operator's log says which rule it was.",
		}
	case apierrors.IsInvalid(err):
		return invalid(err)
	case apierrors.IsBadRequest(err):
		bad := scim.BadRequest(scim.TypeInvalidValue, "The cluster cannot store this resource as it was sent. Map fewer attributes to it, and look for one of an unusual form.")
		bad.Cause = err
		return bad
	default:
		return tryAgain(textBusy, err)
	}
}

// isPolicy recognises the refusal of an admission policy, which the API server reports as invalid without naming a field.
func isPolicy(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return strings.Contains(status.Status().Message, "denied request") || (details != nil && strings.Contains(fieldsOf(details), "denied request"))
}

func fieldsOf(details *metav1.StatusDetails) string {
	var b strings.Builder
	for _, cause := range details.Causes {
		b.WriteString(cause.Message)
	}
	return b.String()
}

// limitInMessage finds the number in the API server's words for a value that is too long or a list that has too many items.
var limitInMessage = regexp.MustCompile(`(?:may not be (?:more|longer) than|must have at most) (\d+)`)

// ruleInMessage finds the text of one of our own rules (CEL) in what the API server says, behind the value or its type. The text
// names the attribute and the remedy.
var ruleInMessage = regexp.MustCompile(`(?s)^Invalid value: .*: ((?:at most one value of )?spec\.[^"]+)$`)

// invalid names the first attribute that the API server objects to, and the limit if it is one, but repeats no value: the answer
// goes into other people's task lists.
func invalid(err error) error {
	detail := "An attribute has a value that the cluster cannot store. Map fewer attributes, and look for one of an unusual form."
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, cause := range status.Status().Details.Causes {
			if attribute := scimPath(cause.Field); attribute != "" {
				detail = describe(attribute, cause)
				break
			}
		}
	}
	bad := scim.BadRequest(scim.TypeInvalidValue, detail)
	bad.Cause = err
	return bad
}

func describe(attribute string, cause metav1.StatusCause) string {
	limit := limitInMessage.FindStringSubmatch(cause.Message)
	rule := ruleInMessage.FindStringSubmatch(cause.Message)
	switch {
	case rule != nil:
		return strings.ReplaceAll(rule[1], "spec.", "") + "."
	case limit != nil && strings.Contains(cause.Message, "items"):
		return fmt.Sprintf("%s has too many values: at most %s are kept. Send fewer.", attribute, limit[1])
	case limit != nil:
		return fmt.Sprintf("%s is too long: at most %s characters are kept. Shorten it or do not map it.", attribute, limit[1])
	case cause.Type == metav1.CauseTypeFieldValueRequired, strings.Contains(cause.Message, "at least 1 chars"):
		return attribute + " must not be empty. Give it a value or do not map it."
	default:
		return attribute + " has a value that cannot be stored. Change it or do not map it."
	}
}

// scimPath turns the path of a field of an object into the attribute that a SCIM client knows.
func scimPath(field string) string {
	path, ok := strings.CutPrefix(field, "spec.")
	if !ok {
		return ""
	}
	if rest, ok := strings.CutPrefix(path, "enterprise."); ok {
		return "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:" + rest
	}
	path = strings.TrimPrefix(path, "additionalAttributes.")
	if strings.HasPrefix(path, "slices") {
		return "members"
	}
	return path
}

// isTaken says whether err is the final word that a name is somebody else's.
func isTaken(err error) bool { return hasStatus(err, http.StatusConflict) }

// isNotFound says whether err is a 404 of this package.
func isNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

func hasStatus(err error, status int) bool {
	var known *scim.Error
	return errors.As(err, &known) && known.Status == status
}

// ignoreGone is nil when what was to be deleted does not exist.
func ignoreGone(err error) error {
	if isGone(err) {
		return nil
	}
	return err
}

// raceAsBusy is what is told when somebody else wrote first too often.
func raceAsBusy(err error) error {
	if isRace(err) {
		return tryAgain(textContention, err)
	}
	return err
}
