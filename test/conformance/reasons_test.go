package conformance_test

// open has the statements that the server does not meet, with what it does and why.
var open = map[string]string{}

// unseen has the statements that no client can see, with what covers them.
var unseen = map[string]string{
	"RFC7643-4.1.2-L1281": "what is behind a photo's URI is the client's business: the server never fetches it. That it is a URI is tested by " +
		"`TestReferences` and `internal/scim/schema: TestNormalize`.",
}

// notes say what a test cannot: on whom a demand is, and where it holds in one sense only.
var notes = map[string]string{
	"RFC7643-2.1-L369": "Attributes that no schema names are kept under the name that the client gave them.",
	"RFC7643-2.4-L655": "Types get the schema's spelling and booleans their JSON form; the values themselves are the client's, which " +
		"compares them with what it sent.",
	"RFC7643-3-L711": "A URI that no schema names is listed only where the client sent an extension under it, which is then kept.",
	"RFC7643-4.1.2-L1244": "The demand is on the client: addresses of every form that RFC 5321 allows are kept as they are, and others are not " +
		"refused.",
	"RFC7643-4.1.2-L1322": "Holds where the directory's provider is Generic. Providers with a name, such as Entra, send the names that their profiles " +
		"hold, which are kept: nobody shall lose access for the sake of an address. So is what is stored already.",
	"RFC7643-4.1.2-L1379": "Seen all the same: such values are refused.",
	"RFC7643-5-L1581":     "Where the ScimDirectory says so. By default discovery asks for a credential, too: nobody outside shall learn what runs here.",
	"RFC7643-6-L1655":     "No extension is required here, and resources without any are accepted.",
	"RFC7643-9.2-L5117":   "Seen in the storage itself: passwords are not stored in any form.",
	"RFC7644-3.4.2.1-L912": "Results are never too many, since they are paged: a query for more than the largest page gets that page and the " +
		"number of all.",
	"RFC7644-3.4.2.2-L1127": "Besides the grammar, the value of eq is taken without quotes, as Entra ID sends it.",
	"RFC7644-3.4.3-L1476":   "A body without schemas is taken for a search.",
	"RFC7644-3.5.1-L1660":   "The immutable attributes here are those inside a member, whose value says which member it is.",
	"RFC7644-3.5.2-L1805":   "A body without schemas is taken for a PATCH, as some clients send it.",
	"RFC7644-3.11-L3683":    "A credential that acts for nobody is answered 501 at /Me, as the section allows.",
	"RFC7644-5-L4214":       "userNames that differ in case, width or composition are one. Passwords are never compared.",
}
