package admission

import "fmt"

// secretRef is a reference to a Secret with nothing but what is required.
const secretRef = `credentialSecretRef: {name: s}`

// connection makes an AppConnection to a target from the rest of its spec, in the form of YAML flow style.
func connection(target, spec string) string {
	return fmt.Sprintf(`{metadata: {name: app, namespace: default}, spec: {target: {%s}, %s}}`, target, spec)
}

// connectionRules are the rules about who gets an account, and what becomes of it.
func connectionRules() []rule {
	const (
		nameMessage   = "metadata.name is a label value and begins the names of AppAccounts: use at most 63 lower-case letters, digits and dashes"
		markMessage   = "spec.ownerMark cannot change, because the accounts in the app bear it: make a new AppConnection"
		adoptMessage  = "spec.existing.condition decides what is adopted: set spec.existing.policy to Adopt, or remove it"
		delayMessage  = "spec.deprovisioning.deleteAfterSeconds goes with policy Delete: set the policy, or remove it"
		handedMessage = "spec.deprovisioning.reassignTo goes with policy Delete: set the policy, or remove it"
	)
	spec := func(text string) string { return connection("argocd: {accounts: SSO}", "roles: [{name: r}], "+text) }
	named := func(name string) string {
		return fmt.Sprintf(`{metadata: {name: %s, namespace: default}, spec: {target: {argocd: {accounts: SSO}}, roles: [{name: r}]}}`, name)
	}
	rules := []rule{
		{"the name of an app is followed by a dot and the person in the names of AppAccounts", "AppConnection", nameMessage, "",
			named("payments-db"), named("payments.db")},
		{"the name of an app is a label value", "AppConnection", nameMessage, "", named(letters(63)), named(letters(64))},
		{"a mark that changed would leave all accounts without an owner", "AppConnection", markMessage, spec("ownerMark: a"),
			spec("ownerMark: a, mode: Plan"), spec("ownerMark: b")},
		{"a mark that goes would leave them as well", "AppConnection", markMessage, spec("ownerMark: a"),
			spec("ownerMark: a, suspend: true"), spec("suspend: true")},
		{"and so would a mark that comes", "AppConnection", markMessage, spec("mode: Plan"), spec("mode: Observe"), spec("mode: Plan, ownerMark: a")},
		{"a mark is a word of the app's too", "AppConnection", fmt.Sprintf(schemaPatternMessage, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`), "",
			spec("ownerMark: payments-db-prod"), spec("ownerMark: payments/db")},
		{"a condition for adopting would look as if accounts were adopted", "AppConnection", adoptMessage, "",
			spec(`existing: {policy: Adopt, condition: "true"}`), spec(`existing: {policy: Ignore, condition: "true"}`)},
		{"without a policy nothing is adopted either", "AppConnection", adoptMessage, "",
			spec(`existing: {policy: Adopt, condition: "true"}`), spec(`existing: {condition: "true"}`)},
		{"a delay before a deletion that never comes is a mistake", "AppConnection", delayMessage, "",
			spec("deprovisioning: {policy: Delete, deleteAfterSeconds: 0}"), spec("deprovisioning: {policy: Suspend, deleteAfterSeconds: 0}")},
		{"an heir of accounts that are never deleted gets nothing", "AppConnection", handedMessage, "",
			spec("deprovisioning: {policy: Delete, reassignTo: dba}"), spec("deprovisioning: {policy: RemoveRoles, reassignTo: dba}")},
	}
	return append(rules, connectionChoices(spec)...)
}

// connectionChoices: a word that is none of those that the field knows would be taken for the default.
func connectionChoices(spec func(string) string) []rule {
	choice := func(field, accept, refuse, values string) rule {
		return rule{"a choice is one of those that exist: " + field, "AppConnection", "supported values: " + values, "",
			spec(fmt.Sprintf(field, accept)), spec(fmt.Sprintf(field, refuse))}
	}
	return []rule{
		choice("mode: %s", "Observe", "DryRun", `"Observe", "Plan", "Enforce"`),
		choice("existing: {policy: %s}", "Ignore", "Takeover", `"Refuse", "Ignore", "Adopt"`),
		choice("deprovisioning: {policy: %s}", "RemoveRoles", "Disable", `"Suspend", "RemoveRoles", "Delete"`),
		choice("drift: {policy: %s}", "Report", "Ignore", `"Repair", "Report"`),
		choice("guard: {mode: %s}", `"Off"`, `"On"`, `"Hold", "Off"`),
		choice("deletionPolicy: %s", "Deprovision", "Delete", `"Retain", "Deprovision"`),
	}
}

// appRoleRules are the rules about the roles that give accounts, and about those that give roles of the app.
func appRoleRules() []rule {
	var rules []rule
	for where, with := range map[string]func(string) string{
		"spec.roles": func(role string) string {
			return connection("argocd: {accounts: SSO}", fmt.Sprintf("roles: [%s]", role))
		},
		"spec.roleMappings": func(role string) string {
			return connection("argocd: {accounts: SSO}", fmt.Sprintf("roles: [{name: r}], roleMappings: [{from: %s, to: [admins]}]", role))
		},
	} {
		rules = append(rules, []rule{
			{where + ": a role is found in one way, so that two cannot disagree", "AppConnection", oneNameMessage, "",
				with(`{displayName: R}`), with(`{displayName: R, name: r}`)},
			{where + ": a directory next to an object name would look as if it were checked", "AppConnection",
				"directory goes with displayName or selector: a role named by its object name needs no directory, so remove it", "",
				with(`{displayName: R, directory: okta}`), with(`{name: r, directory: okta}`)},
			{where + ": an empty selector would give an account to everybody in any group", "AppConnection",
				"spec.roles.selector would select every role, now and in future: give matchLabels or matchExpressions", "",
				with(`{selector: {matchLabels: {team: a}}}`), with(`{selector: {}}`)},
		}...)
	}
	return rules
}

// targetRules are the rules about where an app is, and which Secret opens it.
func targetRules() []rule {
	const oneTarget = "exactly one of the fields in [postgresql ldap scim argocd] must be set"
	to := func(target string) string { return connection(target, "roles: [{name: r}]") }
	credential := func(fields string) string {
		return to(fmt.Sprintf("postgresql: {host: db, credentialSecretRef: {%s}}", fields))
	}
	const keys = `^[-._a-zA-Z0-9]+$`
	rules := []rule{
		{"an app is one thing", "AppConnection", oneTarget, "", to("argocd: {accounts: Local}"),
			to("argocd: {accounts: Local}, postgresql: {host: db, " + secretRef + "}")},
		{"no app is none", "AppConnection", oneTarget, "", to("argocd: {accounts: Local}"), to("")},
		{"no Secret can have such a name", "AppConnection", fmt.Sprintf(schemaPatternMessage, `^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`), "",
			credential("name: db.credential"), credential("name: other-namespace/db")},
		{"no Secret can have such a key for the name", "AppConnection", fmt.Sprintf(schemaPatternMessage, keys), "",
			credential("name: s, usernameKey: user_name"), credential("name: s, usernameKey: ../user")},
		{"no Secret can have such a key for the password", "AppConnection", fmt.Sprintf(schemaPatternMessage, keys), "",
			credential("name: s, passwordKey: pass-word.v2"), credential("name: s, passwordKey: pass word")},
		{"no Secret can have such a key for the certificates", "AppConnection", fmt.Sprintf(schemaPatternMessage, keys), "",
			credential("name: s, caKey: ca.pem"), credential("name: s, caKey: /etc/ca.pem")},
		{"people of Argo CD are one of two things", "AppConnection", `supported values: "SSO", "Local"`, "",
			to("argocd: {accounts: Local}"), to("argocd: {accounts: Both}")},
	}
	for _, more := range [][]rule{postgresqlRules(to), ldapRules(to), scimTargetRules(to)} {
		rules = append(rules, more...)
	}
	return rules
}

func postgresqlRules(to func(string) string) []rule {
	server := func(fields string) string { return to(fmt.Sprintf("postgresql: {%s, %s}", fields, secretRef)) }
	return []rule{
		{"a host is no connection string, which could turn the check of the certificate off", "AppConnection",
			fmt.Sprintf(schemaPatternMessage, `^[a-zA-Z0-9:]([-a-zA-Z0-9.:]*[a-zA-Z0-9:])?$`), "",
			server(`host: db.payments.svc`), server(`host: "db sslmode=disable"`)},
		{"an address of IPv6 is a host as well, and a socket's folder is none", "AppConnection",
			fmt.Sprintf(schemaPatternMessage, `^[a-zA-Z0-9:]([-a-zA-Z0-9.:]*[a-zA-Z0-9:])?$`), "",
			server(`host: "2001:db8::5"`), server(`host: /var/run/postgresql`)},
		{"TLS without a check of the certificate is not offered", "AppConnection", `supported values: "Verify", "Disable"`, "",
			server("host: db, tls: Disable"), server("host: db, tls: Require")},
		{"a name is never cut off", "AppConnection", `supported values: "Refuse", "Hash"`, "",
			server("host: db, longNames: Hash"), server("host: db, longNames: Truncate")},
	}
}

func ldapRules(to func(string) string) []rule {
	const (
		attributeMessage = "spec.target.ldap.suspension.attribute goes with method Attribute: give it, or change the method"
		moveMessage      = "spec.target.ldap.suspension.moveTo goes with method Move: give it, or change the method"
		urlPattern       = `^ldaps?://[-a-zA-Z0-9.\[\]:]+/?$`
	)
	server := func(url, fields string) string {
		return to(fmt.Sprintf(`ldap: {url: %q, usersBaseDN: "ou=people", groupsBaseDN: "ou=groups", %s, %s}`, url, secretRef, fields))
	}
	suspended := func(method string) string { return server("ldaps://ldap", fmt.Sprintf("suspension: {%s}", method)) }
	const locked = "suspension: {method: PPolicyLock}"
	return []rule{
		{"without the attribute nobody could be suspended", "AppConnection", attributeMessage, "",
			suspended("method: Attribute, attribute: {name: employeeType, suspended: gone}"), suspended("method: Attribute")},
		{"an attribute that is not written would look as if it were", "AppConnection", attributeMessage, "",
			suspended("method: PPolicyLock"), suspended("method: PPolicyLock, attribute: {name: employeeType, suspended: gone}")},
		{"without a branch nobody could be moved", "AppConnection", moveMessage, "",
			suspended(`method: Move, moveTo: "ou=former"`), suspended(`method: Move`)},
		{"a branch that nobody is moved to would look as if people were", "AppConnection", moveMessage, "",
			suspended("method: PPolicyLock"), suspended(`method: PPolicyLock, moveTo: "ou=former"`)},
		{"a URL of LDAP names a server and nothing that is looked for there", "AppConnection", fmt.Sprintf(schemaPatternMessage, urlPattern), "",
			server("ldaps://[2001:db8::5]:1636/", locked), server("ldaps://ldap.example.com/dc=example?uid", locked)},
		{"a socket is none of the app owner's", "AppConnection", fmt.Sprintf(schemaPatternMessage, urlPattern), "",
			server("ldap://ldap.example.com", locked), server("ldapi://%2Frun%2Fldapi", locked)},
		{"a server whose ways nobody knows must not be taken for OpenLDAP", "AppConnection",
			`supported values: "OpenLDAP", "DirectoryServer389", "ActiveDirectory"`, "",
			server("ldaps://ldap", locked+", profile: DirectoryServer389"), server("ldaps://ldap", locked+", profile: FreeIPA")},
		{"a group is of one of three classes", "AppConnection", `supported values: "groupOfNames", "posixGroup", "group"`, "",
			server("ldaps://ldap", locked+", groupClass: posixGroup"), server("ldaps://ldap", locked+", groupClass: groupOfURLs")},
		{"a range of numbers has one end behind the other", "AppConnection",
			"spec.target.ldap.posix.firstUID must not be above lastUID: exchange the two", "",
			server("ldaps://ldap", locked+", posix: {firstUID: 10000, lastUID: 10000, gid: 100}"),
			server("ldaps://ldap", locked+", posix: {firstUID: 10001, lastUID: 10000, gid: 100}")},
		{"an account is suspended in one of three ways", "AppConnection", `supported values: "PPolicyLock", "Attribute", "Move"`, "",
			suspended("method: PPolicyLock"), suspended("method: Rename")},
	}
}

func scimTargetRules(to func(string) string) []rule {
	const (
		tokenMessage = "spec.target.scim.tokenURL goes with authentication OAuth2: give it, or change the authentication"
		urlPattern   = `^https://[^?#@\s]+$`
		tokenURL     = "https://idp.example.com/token"
	)
	server := func(url, fields string) string {
		return to(fmt.Sprintf("scim: {url: %q, %s, %s}", url, secretRef, fields))
	}
	app := func(fields string) string { return server("https://app.example.com/scim/v2", fields) }
	return []rule{
		{"client credentials are exchanged somewhere", "AppConnection", tokenMessage, "",
			app("authentication: OAuth2, tokenURL: " + tokenURL), app("authentication: OAuth2")},
		{"a token URL that is never asked would look as if it were", "AppConnection", tokenMessage, "",
			app("authentication: Basic"), app("authentication: Basic, tokenURL: " + tokenURL)},
		{"a token is never sent in the clear", "AppConnection", fmt.Sprintf(schemaPatternMessage, urlPattern), "",
			app("profile: Generic"), server("http://app.example.com/scim/v2", "profile: Generic")},
		{"a password does not stand in a URL that everybody can read", "AppConnection", fmt.Sprintf(schemaPatternMessage, urlPattern), "",
			app("profile: Generic"), server("https://key:secret@app.example.com/scim/v2", "profile: Generic")},
		{"a secret is not exchanged in the clear either", "AppConnection", fmt.Sprintf(schemaPatternMessage, urlPattern), "",
			app("authentication: OAuth2, tokenURL: " + tokenURL), app("authentication: OAuth2, tokenURL: http://idp.example.com/token")},
		{"a credential is presented in one of four ways", "AppConnection", `supported values: "Bearer", "Header", "Basic", "OAuth2"`, "",
			app("authentication: Header"), app("authentication: Digest")},
		{"a product whose limits nobody knows is Generic", "AppConnection",
			`supported values: "Generic", "ScimOperator", "AWS", "Google", "Keycloak", "Zitadel", "Snowflake", "StrongDM", "Verkada", "Cyolo", "Cmd"`, "",
			app("profile: StrongDM"), app("profile: Slack")},
	}
}

// accountRules are the rules about whose account it is, and about the consent of the people's directory.
func accountRules() []rule {
	const (
		fixed       = "spec of an AppAccount cannot change, so that an account stays one person's: the operator makes another one"
		nameMessage = "metadata.name of an AppAccount is spec.app, a dot, and spec.user: the operator makes AppAccounts, and people need not"
	)
	account := func(name, app, user, more string) string {
		return fmt.Sprintf(`{metadata: {name: %s, namespace: default%s}, spec: {app: %s, user: %s}}`, name, more, app, user)
	}
	return []rule{
		{"an account has one object", "AppAccount", nameMessage, "",
			account("db.alice-k3v9x2m4qa", "db", "alice-k3v9x2m4qa", ""), account("db.bob", "db", "alice-k3v9x2m4qa", "")},
		// The name cannot change, so a user with a dot is the only way to say another pair: db. + a.b, and db.a + b.
		{"one person's account must not become another's", "AppAccount", fixed, account("db.a.b", "db", "a.b", ""),
			account("db.a.b", "db", "a.b", ", labels: {a: b}"), account("db.a.b", "db.a", "b", "")},
		{"a namespace that sees people is one that can exist", "ScimDirectory", fmt.Sprintf(schemaPatternMessage, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`), "",
			`{metadata: {name: d}, spec: {apps: {namespaces: [payments]}}}`, `{metadata: {name: d}, spec: {apps: {namespaces: ["*"]}}}`},
	}
}
