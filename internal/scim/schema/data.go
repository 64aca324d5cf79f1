package schema

// option changes one characteristic of an attribute away from the defaults of RFC 7643 section 2.2.
type option func(*Attribute)

func attribute(name string, kind Type, description string, options ...option) *Attribute {
	a := &Attribute{
		Name: name, Description: description, Type: kind,
		Mutability: ReadWrite, Returned: ByDefault, Uniqueness: NotUnique,
	}
	for _, o := range options {
		o(a)
	}
	return a
}

func text(name, description string, options ...option) *Attribute {
	return attribute(name, String, description, options...)
}

func required(a *Attribute)  { a.Required = true }
func caseExact(a *Attribute) { a.CaseExact = true }
func readOnly(a *Attribute)  { a.Mutability = ReadOnly }
func immutable(a *Attribute) { a.Mutability = Immutable }
func unique(a *Attribute)    { a.Uniqueness = UniqueServer }
func always(a *Attribute)    { a.Returned = Always }
func multi(a *Attribute)     { a.MultiValued = true }

// number marks strings for which clients send JSON numbers; Okta's own examples do so.
func number(a *Attribute) { a.number = true }

func certificate(a *Attribute) { a.certificate = true }

func secret(a *Attribute) { a.Mutability, a.Returned = WriteOnly, Never }

func canonical(values ...string) option {
	return func(a *Attribute) { a.CanonicalValues = values }
}

func refers(types ...string) option {
	return func(a *Attribute) { a.ReferenceTypes, a.CaseExact = types, true }
}

func sub(attributes ...*Attribute) option {
	return func(a *Attribute) { a.SubAttributes = attributes }
}

func commonAttributesOfAll() []*Attribute {
	return []*Attribute{
		attribute("schemas", Reference, "The URIs of the schemas that the resource uses.", multi, required, always, refers("uri")),
		text("id", "The identifier that this server gave the resource.", readOnly, caseExact, always, unique),
		text("externalId", "The client's own identifier of the resource.", caseExact, number),
		attribute("meta", Complex, "What the server knows about the resource.", readOnly, sub(
			text("resourceType", "The name of the resource type.", readOnly, caseExact),
			attribute("created", DateTime, "When the resource was created.", readOnly),
			attribute("lastModified", DateTime, "When the resource was last changed.", readOnly),
			attribute("location", Reference, "The URI of the resource.", readOnly, refers("uri")),
			text("version", "The version of the resource, as in its ETag.", readOnly, caseExact),
		)),
	}
}

func userAttributes() []*Attribute {
	return []*Attribute{
		text("userName", "The name that the user signs in with, unique without regard to case.", required, unique),
		attribute("name", Complex, "The components of the user's name.", sub(
			text("formatted", "The full name, ready for display."),
			text("familyName", "The family name, or last name."),
			text("givenName", "The given name, or first name."),
			text("middleName", "The middle name or names."),
			text("honorificPrefix", "A title before the name, such as Dr."),
			text("honorificSuffix", "A title after the name, such as III."),
		)),
		text("displayName", "The name of the user, suitable for display."),
		text("nickName", "The casual way to address the user."),
		attribute("profileUrl", Reference, "A page about the user.", refers("external")),
		text("title", "The user's job title."),
		text("userType", "The relation between organisation and user, such as Employee or Contractor."),
		text("preferredLanguage", "The user's preferred language, as in an Accept-Language header."),
		text("locale", "The user's default location for currency, dates and numbers, such as en-US."),
		text("timezone", "The user's time zone in IANA form, such as Europe/Berlin."),
		attribute("active", Boolean, "Whether the user may use anything at all."),
		text("password", "Accepted and thrown away: no password is ever kept.", secret, caseExact),
		plural("emails", "The user's e-mail addresses.", text("value", "An e-mail address."), "work", "home", "other"),
		plural("phoneNumbers", "The user's telephone numbers.", text("value", "A telephone number.", number),
			"work", "home", "mobile", "fax", "pager", "other"),
		plural("ims", "The user's instant messaging addresses.", text("value", "An instant messaging address."),
			"aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"),
		plural("photos", "Images of the user.", attribute("value", Reference, "The URI of an image.", refers("external")),
			"photo", "thumbnail"),
		addresses(),
		userGroups(),
		plural("entitlements", "What the user is entitled to.", text("value", "An entitlement.")),
		plural("roles", "The user's roles, as the client names them.", text("value", "A role.")),
		plural("x509Certificates", "The user's certificates.",
			attribute("value", Binary, "A certificate, DER in base64.", caseExact, certificate)),
	}
}

// plural is a multi-valued attribute with the sub-attributes of RFC 7643 section 2.4.
func plural(name, description string, value *Attribute, types ...string) *Attribute {
	return attribute(name, Complex, description, multi, sub(
		value,
		text("display", "A name of the value, for display."),
		text("type", "What the value is for.", canonical(types...)),
		attribute("primary", Boolean, "Whether this is the preferred value; at most one is."),
	))
}

func addresses() *Attribute {
	return attribute("addresses", Complex, "The user's postal addresses.", multi, sub(
		text("formatted", "The full address, ready for display."),
		text("streetAddress", "Street, house number and the like."),
		text("locality", "The city."),
		text("region", "The state or region."),
		text("postalCode", "The postal code.", number),
		text("country", "The country, by its ISO 3166-1 alpha-2 code."),
		text("type", "What the address is for.", canonical("work", "home", "other")),
		attribute("primary", Boolean, "Whether this is the preferred address; at most one is."),
	))
}

func userGroups() *Attribute {
	return attribute("groups", Complex, "The groups that the user is in. They are changed through the groups.", multi, readOnly, sub(
		text("value", "The id of the group.", readOnly, caseExact),
		attribute("$ref", Reference, "The URI of the group.", readOnly, refers("Group")),
		text("display", "The name of the group.", readOnly),
		text("type", "Whether the membership is direct.", readOnly, canonical("direct", "indirect")),
	))
}

func enterpriseAttributes() []*Attribute {
	return []*Attribute{
		text("employeeNumber", "The identifier that the organisation gave the user.", number),
		text("costCenter", "The name of a cost centre.", number),
		text("organization", "The name of an organisation."),
		text("division", "The name of a division."),
		text("department", "The name of a department."),
		attribute("manager", Complex, "The user's manager.", sub(
			text("value", "The id of the manager's user.", caseExact),
			attribute("$ref", Reference, "The URI of the manager's user.", refers("User")),
			text("displayName", "The manager's name, for display."),
		)),
	}
}

func groupAttributes() []*Attribute {
	return []*Attribute{
		text("displayName", "The group's name, unique without regard to case.", required, unique),
		attribute("members", Complex, "The users in the group.", multi, sub(
			text("value", "The id of the user.", immutable, caseExact),
			attribute("$ref", Reference, "The URI of the user.", immutable, refers("User")),
			text("type", "The type of the member.", immutable, canonical("User")),
			text("display", "The userName of the member.", readOnly),
		)),
	}
}

// roleAttributes are those of Okta's schema for roles, all read-only: roles are made in the cluster.
func roleAttributes() []*Attribute {
	return []*Attribute{
		text("displayName", "Name of the role.", required, readOnly),
		text("description", "What the role is for.", readOnly),
	}
}

// entitlementAttributes are those of Okta's schema for entitlements.
func entitlementAttributes() []*Attribute {
	return append(roleAttributes(), text("type", "Name of the resource type.", readOnly))
}
