// Package translate turns SCIM resources into the specs of ScimUser and ScimRole and back, and renders the JSON of answers straight
// from the objects. It is pure.
//
// Two laws hold. What a client reads and sends back unchanged gives the same spec, so that an echo writes nothing; and AppendUser
// and AppendGroup render what UserResource and GroupResource describe.
package translate
