package admission

import "fmt"

func userRules() []rule {
	rules := []rule{
		{
			reason:  "the name of a user becomes a label value of what is derived from the user",
			kind:    "ScimUser",
			message: "metadata.name is used as a label value: use at most 63 characters",
			accept:  fmt.Sprintf(`{metadata: {name: %s}, spec: {userName: a}}`, letters(63)),
			refuse:  fmt.Sprintf(`{metadata: {name: %s}, spec: {userName: a}}`, letters(64)),
		},
		{
			reason:  "nobody signs in with a blank name",
			kind:    "ScimUser",
			message: "spec.userName must not be blank: give the name that the user signs in with",
			accept:  `{metadata: {name: u}, spec: {userName: " a "}}`,
			refuse:  `{metadata: {name: u}, spec: {userName: "  \t"}}`,
		},
	}
	rules = append(rules, directoryTransitions("ScimUser", "userName", "spec.directory cannot be changed from one directory to another: "+
		"clear it to make the user local (kubectl scim detach), and let the other directory take it over")...)
	return append(rules, primaryRules()...)
}

// primaryRules: RFC 7643 section 2.4 allows the value true for primary at most once.
func primaryRules() []rule {
	var rules []rule
	for _, list := range []string{
		"emails", "phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates",
	} {
		rules = append(rules, rule{
			reason:  "at most one value of an attribute is primary, " + list,
			kind:    "ScimUser",
			message: fmt.Sprintf("at most one value of spec.%s may be primary: clear primary on the others", list),
			accept: fmt.Sprintf(`{metadata: {name: u}, spec: {userName: a, %s: [{type: work, primary: true}, {type: home, primary: false}, {type: other}]}}`,
				list),
			refuse: fmt.Sprintf(`{metadata: {name: u}, spec: {userName: a, %s: [{type: work, primary: true}, {type: home, primary: true}, {type: other}]}}`,
				list),
		})
	}
	return rules
}

// directoryTransitions are all changes of spec.directory that a user or a role can go through.
func directoryTransitions(kind, nameAttribute, message string) []rule {
	object := func(directory string) string {
		return fmt.Sprintf(`{metadata: {name: moving}, spec: {%s: moving%s}}`, nameAttribute, directory)
	}
	return []rule{
		{
			reason:  "the credential of one directory must not get at another's objects",
			kind:    kind,
			message: message,
			before:  object(", directory: okta"),
			accept:  object(""),
			refuse:  object(", directory: entra"),
		},
		{
			reason:  "a directory may take a local object over; the next one may not take it from that directory",
			kind:    kind,
			message: message,
			before:  object(", directory: okta"),
			accept:  object(", externalId: x"),
			refuse:  object(", directory: entra, externalId: x"),
		},
		{
			reason:  "other changes leave the directory alone",
			kind:    kind,
			message: message,
			before:  object(", directory: okta"),
			accept:  object(", directory: okta, externalId: x"),
			refuse:  object(", directory: entra, externalId: x"),
		},
	}
}
