package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// baseForm is how texts name the URL that belongs into the identity provider.
const baseForm = "https://HOST/scim/DIRECTORY/v2, where DIRECTORY is the name of a ScimDirectory"

// route is one method of one endpoint below the base URL of a directory.
type route struct {
	method string
	// path is the endpoint, with {id} for a resource id; it appears in the log in the place of the URL.
	path   string
	handle func(*Handler, context.Context, *call) (*answer, error)
}

// routes is everything that is served. HEAD is served wherever GET is.
func routes() []route {
	return []route{
		{http.MethodGet, "/Users", (*Handler).listUsers},
		{http.MethodPost, "/Users", (*Handler).createUser},
		{http.MethodPost, "/Users/.search", (*Handler).searchUsers},
		{http.MethodGet, "/Users/{id}", (*Handler).getUser},
		{http.MethodPut, "/Users/{id}", (*Handler).putUser},
		{http.MethodPatch, "/Users/{id}", (*Handler).patchUser},
		{http.MethodDelete, "/Users/{id}", (*Handler).deleteUser},
		{http.MethodGet, "/Groups", (*Handler).listGroups},
		{http.MethodPost, "/Groups", changesGroup((*Handler).createGroup)},
		{http.MethodPost, "/Groups/.search", (*Handler).searchGroups},
		{http.MethodGet, "/Groups/{id}", readsGroup((*Handler).getGroup)},
		{http.MethodPut, "/Groups/{id}", changesGroup((*Handler).putGroup)},
		{http.MethodPatch, "/Groups/{id}", changesGroup((*Handler).patchGroup)},
		{http.MethodDelete, "/Groups/{id}", changesGroup((*Handler).deleteGroup)},
		{http.MethodGet, "/Roles", (*Handler).listRoles},
		{http.MethodGet, "/Roles/{id}", (*Handler).getRole},
		{http.MethodGet, "/Entitlements", (*Handler).listEntitlements},
		{http.MethodGet, "/Entitlements/{id}", (*Handler).getEntitlement},
		{http.MethodGet, "/", (*Handler).listAll},
		{http.MethodPost, "/.search", (*Handler).searchAll},
		{http.MethodGet, "/Me", me((*Handler).getUser)},
		{http.MethodPost, "/Me", (*Handler).createMe},
		{http.MethodPut, "/Me", me((*Handler).putUser)},
		{http.MethodPatch, "/Me", me((*Handler).patchUser)},
		{http.MethodDelete, "/Me", me((*Handler).deleteUser)},
		{http.MethodPost, "/Bulk", (*Handler).bulk},
		{http.MethodGet, "/ServiceProviderConfig", (*Handler).serviceProviderConfig},
		{http.MethodGet, "/Schemas", (*Handler).listSchemas},
		{http.MethodGet, "/Schemas/{id}", (*Handler).getSchema},
		{http.MethodGet, "/ResourceTypes", (*Handler).listResourceTypes},
		{http.MethodGet, "/ResourceTypes/{id}", (*Handler).getResourceType},
	}
}

// discovers says whether a route shows what the endpoint can do, and no person's data (RFC 7644 section 4).
func (r route) discovers() bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.path, "/"), "/")
	return r.method == http.MethodGet && slices.Contains([]string{"ServiceProviderConfig", "Schemas", "ResourceTypes"}, first)
}

// splitPath takes the directory and the segments below its base URL out of an escaped path. Empty segments are passed over, because a
// base URL that was entered with a slash at its end gives two of them.
func splitPath(escaped string) (directory string, below []string, ok bool) {
	var segments []string
	for segment := range strings.SplitSeq(escaped, "/") {
		if segment == "" {
			continue
		}
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return "", nil, false
		}
		segments = append(segments, plain)
	}
	if len(segments) < 3 || segments[0] != "scim" || segments[2] != "v2" {
		return "", nil, false
	}
	return segments[1], segments[3:], true
}

// endpoint finds the routes of a path, and the resource id in it.
func (h *Handler) endpoint(below []string) (methods []route, id string) {
	switch len(below) {
	case 0:
		return h.endpoints["/"], ""
	case 1:
		return h.endpoints["/"+below[0]], ""
	case 2:
		if methods = h.endpoints["/"+below[0]+"/"+below[1]]; methods != nil {
			return methods, ""
		}
		return h.endpoints["/"+below[0]+"/{id}"], below[1]
	}
	return nil, ""
}

// choose finds the route of a method among those of an endpoint.
func choose(methods []route, method string) (route, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	i := slices.IndexFunc(methods, func(r route) bool { return r.method == method })
	if i < 0 {
		return route{}, false
	}
	return methods[i], true
}

// allowed lists the methods of an endpoint for the header Allow.
func allowed(methods []route) string {
	var names []string
	for _, r := range methods {
		names = append(names, r.method)
		if r.method == http.MethodGet {
			names = append(names, http.MethodHead)
		}
	}
	return strings.Join(names, ", ")
}
