package conformance_test

import (
	"net/http"
	"testing"
)

func TestPatchMessage(t *testing.T) {
	proves(t, "RFC7644-3.5-L1609", "RFC7644-3.5.2-L1805", "RFC7644-3.5.2-L1808", "RFC7644-3.5.2-L1810", "RFC7644-3.5.2.1-L1972")
	s := connect(t)
	user := s.user("ada")
	path := pathOf("Users", user)
	good := op("replace", "title", "Countess")
	for name, body := range map[string]any{
		"another message":    object{"schemas": []any{listMessage}, "Operations": []any{good}},
		"empty schemas":      object{"schemas": []any{}, "Operations": []any{good}},
		"no operations":      object{"schemas": []any{patchMessage}},
		"empty operations":   object{"schemas": []any{patchMessage}, "Operations": []any{}},
		"operations no list": object{"schemas": []any{patchMessage}, "Operations": good},
		"no op":              patch(object{"path": "title", "value": "x"}),
		"unknown op":         patch(op("move", "title", "x")),
		"op twice":           `{"schemas":["` + patchMessage + `"],"Operations":[{"op":"add","op":"remove","path":"title","value":"x"}]}`,
		"op a list":          patch(object{"op": []any{"add"}, "path": "title", "value": "x"}),
	} {
		t.Log(name)
		s.refused(http.StatusBadRequest, "invalidSyntax", "PATCH", path, body)
	}
	s.refused(http.StatusBadRequest, "invalidValue", "PATCH", path, patch(op("add", "title", nil)))
	s.refused(http.StatusBadRequest, "invalidValue", "PATCH", path, patch(op("add", "", nil)))
	s.equal("the user", s.get(path), user)
	s.equal("title", s.patched(path, good)["title"], any("Countess"))
}

func TestPatchAnswer(t *testing.T) {
	proves(t, "RFC7644-3.5.2-L1939")
	s := connect(t)
	user, group := s.user("ada"), s.group("Engineers")
	for path, operation := range map[string]object{
		pathOf("Users", user):   op("replace", "title", "Countess"),
		pathOf("Groups", group): op("add", "members", []any{object{"value": user["id"]}}),
	} {
		got := s.send("PATCH", path, patch(operation))
		switch got.status {
		case http.StatusOK:
			s.equal("the answer and what is kept", s.json(got), s.get(path))
		case http.StatusNoContent:
			s.equal("body of a 204", len(got.body), 0)
		default:
			t.Errorf("PATCH %s: %d %s", path, got.status, got.body)
		}
		s.equal("status with attributes", s.send("PATCH", path+"?attributes=id", patch(operation)).status, http.StatusOK)
	}
}

func TestPatchTypes(t *testing.T) {
	proves(t, "RFC7644-3.5.2-L1886", "RFC7644-3.5.2-L1888", "RFC7644-3.5.2.2-L2167")
	s := connect(t)
	user, group := s.user("ada"), s.group("Engineers")
	path := pathOf("Users", user)
	for want, operations := range map[string][]object{
		"invalidValue": {
			op("replace", "active", "perhaps"), op("add", "name", "Ada"), op("add", "emails", 7), op("replace", "displayName", []any{"a"}),
			op("add", "", object{"active": object{}}), op("add", "displayName", object{"a": "b"}),
		},
		"mutability": {
			op("remove", "userName", nil), op("remove", "id", nil), op("remove", "meta", nil), op("remove", "groups", nil), op("add", "id", "x"),
			op("replace", "meta.version", "x"), op("replace", "groups", []any{}),
		},
		"invalidPath": {op("add", "title.nothing", "x"), op("add", "title.", "x"), op("replace", "9", "x")},
	} {
		for _, operation := range operations {
			t.Log(want, operation)
			s.refused(http.StatusBadRequest, want, "PATCH", path, patch(operation))
		}
	}
	s.refused(http.StatusBadRequest, "mutability", "PATCH", pathOf("Groups", group), patch(op("remove", "displayName", nil)))
	s.equal("the user", s.get(path), user)
	s.equal("the group", s.get(pathOf("Groups", group)), group)
}

func TestPatchIsAtomic(t *testing.T) {
	proves(t, "RFC7644-3.5.2-L1931", "RFC7644-3.5.2-L1933")
	s := connect(t)
	user := s.user("ada", object{"title": "Countess", "emails": []any{object{"value": "a@example.com", "type": "work"}}})
	group := s.group("Engineers", user)
	s.until("the user shows its group", func() bool { return at(s.get(pathOf("Users", user)), "groups.0") != nil })
	user = s.get(pathOf("Users", user))
	for _, last := range []object{op("replace", "active", "perhaps"), op("remove", "userName", nil), op("replace", `emails[type eq "x"].value`, "v"), op("add", "id", "x")} {
		s.call(http.StatusBadRequest, "PATCH", pathOf("Users", user),
			patch(op("replace", "title", "Duchess"), op("remove", "emails", nil), op("add", "nickName", "A"), last))
		s.equal("the user after a PATCH that failed", s.get(pathOf("Users", user)), user)
	}
	s.call(http.StatusBadRequest, "PATCH", pathOf("Groups", group), patch(op("remove", "members", nil), op("remove", "displayName", nil)))
	s.equal("the group after a PATCH that failed", s.get(pathOf("Groups", group)), group)
}

func TestPatchAdd(t *testing.T) {
	proves(t, "RFC7644-3.5.2.1-L1988", "RFC7644-3.5.2.1-L2004")
	s := connect(t)
	user := s.user("ada", object{"name": object{"givenName": "Ada"}, "emails": []any{object{"value": "a@example.com", "type": "work"}}})
	group := s.group("Engineers", user)
	path := pathOf("Users", user)
	after := s.patched(path, op("add", "name", object{"familyName": "Lovelace"}))
	s.equal("name", after["name"], any(object{"givenName": "Ada", "familyName": "Lovelace"}))
	after = s.patched(path, op("add", "", object{"name": object{"middleName": "K"}}))
	s.equal("name", after["name"], any(object{"givenName": "Ada", "familyName": "Lovelace", "middleName": "K"}))
	s.until("the user shows its group", func() bool { return at(s.get(path), "groups.0") != nil })
	after = s.get(path)
	again := s.patched(path, op("add", "name", object{"familyName": "Lovelace"}), op("add", "userName", "ada"),
		op("add", "emails", []any{object{"value": "a@example.com", "type": "work"}}))
	s.equal("the user, with what it had added again", again, after)
	before := s.get(pathOf("Groups", group))
	s.equal("the group, with its member added again",
		s.patched(pathOf("Groups", group), op("add", "members", []any{object{"value": user["id"]}})), before)
}

func TestPatchRemove(t *testing.T) {
	proves(t, "RFC7644-3.5.2.2-L2146", "RFC7644-3.5.2.2-L2151")
	s := connect(t)
	user := s.user("ada", object{
		"title": "Countess", "name": object{"givenName": "Ada", "familyName": "L"},
		"emails": []any{object{"value": "a@example.com", "type": "work"}, object{"value": "b@example.com", "type": "home"}},
		"roles":  []any{object{"value": "one"}},
	})
	group := s.group("Engineers", user)
	path := pathOf("Users", user)
	after := s.patched(path, op("remove", "title", nil), op("remove", "name.givenName", nil), op("remove", `emails[type eq "work"]`, nil), op("remove", "roles", nil))
	s.equal("title", after["title"], nil)
	s.equal("name", after["name"], any(object{"familyName": "L"}))
	s.equal("emails", after["emails"], any([]any{object{"value": "b@example.com", "type": "home"}}))
	after = s.patched(path, op("remove", `emails[type eq "home"]`, nil))
	for _, name := range []string{"emails", "roles"} {
		if _, ok := after[name]; ok {
			t.Errorf("%s is there: %v", name, after[name])
		}
	}
	s.found(query(`not (emails pr) and not (title pr)`), user)
	id := s.text(user, "id")
	s.equal("members", s.patched(pathOf("Groups", group), op("remove", `members[value eq "`+id+`"]`, nil))["members"], any([]any{}))
}

func TestPatchReplace(t *testing.T) {
	proves(t, "RFC7644-3.5.2.3-L2376", "RFC7644-3.5.2.3-L2387", "RFC7644-3.5.2.3-L2396")
	s := connect(t)
	user := s.user("ada", object{"phoneNumbers": []any{
		object{"value": "1", "type": "work"}, object{"value": "2", "type": "work"}, object{"value": "3", "type": "home"},
	}})
	path := pathOf("Users", user)
	after := s.patched(path, op("replace", "title", "Countess"), op("replace", "emails", []any{object{"value": "a@example.com"}}))
	s.equal("title", after["title"], any("Countess"))
	s.equal("emails", after["emails"], any([]any{object{"value": "a@example.com"}}))
	after = s.patched(path, op("replace", `phoneNumbers[type eq "work"].display`, "office"))
	s.equal("phoneNumbers", after["phoneNumbers"], any([]any{
		object{"value": "1", "type": "work", "display": "office"}, object{"value": "2", "type": "work", "display": "office"}, object{"value": "3", "type": "home"},
	}))
	after = s.patched(path, op("replace", `phoneNumbers[type eq "home"]`, object{"value": "4", "type": "other"}))
	s.equal("the value that matched", at(after, "phoneNumbers.2"), any(object{"value": "4", "type": "other"}))
	for _, operation := range []object{op("replace", `phoneNumbers[type eq "fax"].value`, "5"), op("replace", `phoneNumbers[type eq "fax"]`, object{"value": "5"})} {
		s.refused(http.StatusBadRequest, "noTarget", "PATCH", path, patch(operation))
	}
	s.equal("phoneNumbers after a replacement without a target", s.get(path)["phoneNumbers"], after["phoneNumbers"])
}
