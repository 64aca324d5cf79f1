package server

// Endpoint is one entry of the route table, for tests that walk it.
type Endpoint struct{ Method, Path string }

// Endpoints lists the route table.
func Endpoints() []Endpoint {
	var out []Endpoint
	for _, r := range routes() {
		out = append(out, Endpoint{r.method, r.path})
	}
	return out
}
