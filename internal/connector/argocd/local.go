package argocd

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Keys of argocd-cm, by https://argo-cd.readthedocs.io/en/stable/operator-manual/user-management/, and the connector's own: the mark of
// a local account stands beside it, so that one write of one object makes both. Argo CD ignores keys that it does not know.
const (
	accountPrefix  = "accounts."
	enabledSuffix  = ".enabled"
	localMark      = "scim-operator."
	adminEnabled   = "admin.enabled"
	capabilitySeps = ", "
)

// settings are the data of argocd-cm; nil when local accounts are not kept.
type settings map[string]string

// localOwner is what the mark of a local account says.
type localOwner struct {
	App    string `json:"app"`
	Person string `json:"person"`
}

func (s settings) has(name string) bool {
	if name == adminName {
		return true
	}
	_, able := s[accountPrefix+name]
	_, set := s[accountPrefix+name+enabledSuffix]
	return able || set
}

func (s settings) isEnabled(name string) bool {
	text, ok := s[accountPrefix+name+enabledSuffix]
	if name == adminName {
		text, ok = s[adminEnabled]
	}
	enabled, err := strconv.ParseBool(text)
	return !ok || err != nil || enabled
}

func (s settings) owner(name string) connector.Owner {
	var o localOwner
	if err := json.Unmarshal([]byte(s[localMark+name]), &o); err != nil {
		return connector.Owner{}
	}
	return connector.Owner{App: o.App, Person: o.Person}
}

// names are those of all accounts.
func (s settings) names() []string {
	if s == nil {
		return nil
	}
	found := map[string]bool{adminName: true}
	for key := range s {
		rest, ok := strings.CutPrefix(key, accountPrefix)
		name := strings.TrimSuffix(rest, enabledSuffix)
		if ok && name != "" && !strings.Contains(name, ".") {
			found[name] = true
		}
	}
	return sortedKeys(found)
}

// owned are the names whose marks are the owner's, whether or not there still is an account.
func (s settings) owned(owner connector.Owner) []string {
	found := map[string]bool{}
	for key := range s {
		if name, ok := strings.CutPrefix(key, localMark); ok && s.owner(name) == owner {
			found[name] = true
		}
	}
	return sortedKeys(found)
}

// edit is what the settings should be for the owner's account to be as the mark says, or not to be when there is none. An account without
// the owner's mark is not touched, but for one that is adopted.
func (s settings) edit(owner connector.Owner, next *mark, adopt bool, capabilities []string) settings {
	if s == nil {
		return nil
	}
	edited := maps.Clone(s)
	able, moved := strings.Join(capabilities, capabilitySeps), false
	for _, name := range s.owned(owner) {
		if next != nil && next.Name == name {
			continue
		}
		if was, ok := s[accountPrefix+name]; ok {
			able, moved = was, true
		}
		delete(edited, accountPrefix+name)
		delete(edited, accountPrefix+name+enabledSuffix)
		delete(edited, localMark+name)
	}
	if next == nil {
		return edited
	}
	switch there := s.has(next.Name); {
	case there && s.owner(next.Name) != owner && !adopt:
		return edited
	case !there && !next.Active && !moved:
		return edited
	case !there:
		edited[accountPrefix+next.Name] = able
	}
	edited[localMark+next.Name] = encode(localOwner{owner.App, owner.Person})
	switch enabled := edited.isEnabled(next.Name); {
	case enabled && !next.Active:
		edited[accountPrefix+next.Name+enabledSuffix] = "false"
	case !enabled && next.Active:
		delete(edited, accountPrefix+next.Name+enabledSuffix)
	}
	return edited
}
