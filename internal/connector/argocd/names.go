package argocd

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/scim-operator/scim-operator/internal/connector"
)

const (
	adminName     = "admin"
	rolePrefix    = "role:"
	projectPrefix = "proj:"
	// maxSSOName is what the subject of a token may have, by OpenID Connect Core 1.0, section 2.
	maxSSOName = 255
	// maxLocalName is by https://argo-cd.readthedocs.io/en/stable/operator-manual/user-management/#local-usersaccounts.
	maxLocalName = 32
)

// localName is what can be part of a ConfigMap's key, but for the dot: Argo CD splits keys at dots, so that the name "a.enabled" would
// be a setting of account a.
var localName = regexp.MustCompile(`^[-_a-zA-Z0-9]+$`)

func isRoleName(name string) bool {
	return strings.HasPrefix(name, rolePrefix) || strings.HasPrefix(name, projectPrefix)
}

func (o Options) maxName() int {
	if o.Accounts == Local {
		return maxLocalName
	}
	return maxSSOName
}

// checkName refuses names that the policy cannot hold as they are, and those that Argo CD would take for something else.
func (o Options) checkName(op, name string) error {
	rejected := func(format string, args ...any) error {
		return connector.Errorf(connector.Rejected, op, format+": map the name to another one", args...)
	}
	switch {
	case name == "":
		return rejected("the account name is empty, which in Argo CD's policy is whoever has no name")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return rejected("the account name has a control character in it, or is not UTF-8, and a row of policy is one line of text")
	case name != strings.TrimSpace(name):
		return rejected("the account name begins or ends with a space")
	case name == "*":
		return rejected("the account name * can be taken for everybody")
	case strings.Contains(name, "$$"):
		return rejected("the account name has $$ in it, with which Argo CD's policy engine separates names where it remembers its decisions")
	case len(name) > o.maxName():
		return rejected("the account name has %d bytes, and Argo CD takes %d", len(name), o.maxName())
	}
	if why := o.protection(name); why != "" {
		return connector.Errorf(connector.Protected, op, "the name %q is not given to anybody: %s", name, why)
	}
	if o.Accounts == Local && !localName.MatchString(name) {
		return rejected("the account name is not made of letters, digits, - and _, as the names of local accounts are")
	}
	return nil
}

// checkOwner keeps a caller that forgot the owner from reaching everybody's accounts.
func checkOwner(op string, owner connector.Owner) error {
	for _, part := range []string{owner.App, owner.Person} {
		if part == "" || !utf8.ValidString(part) || strings.ContainsFunc(part, unicode.IsControl) {
			return connector.Errorf(connector.Rejected, op, "the owner's app and person must be given, in UTF-8 and without control characters")
		}
	}
	return nil
}

// splitProjectRole splits proj:PROJECT:ROLE.
func splitProjectRole(name string) (project, role string, ok bool) {
	rest, ok := strings.CutPrefix(name, projectPrefix)
	if !ok {
		return "", "", false
	}
	project, role, ok = strings.Cut(rest, ":")
	return project, role, ok && project != "" && role != ""
}
