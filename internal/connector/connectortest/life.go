package connectortest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scim-operator/scim-operator/internal/connector"
)

func (s *suite) capabilities(t *testing.T) {
	capabilities, err := s.c.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if capabilities.Version == "" {
		t.Error("it does not say what the target is")
	}
	known := map[string]bool{}
	for _, name := range capabilities.Attributes {
		known[name] = true
	}
	for _, attributes := range s.Attributes {
		for name := range attributes {
			if !known[name] {
				t.Errorf("attribute %q is taken and not listed", name)
			}
		}
	}
	if capabilities.Reassigns != (s.Own != nil) {
		t.Errorf("it says Reassigns=%t, and the target of the test has Own=%t", capabilities.Reassigns, s.Own != nil)
	}
}

func (s *suite) observe(t *testing.T) {
	t.Run("nothing is NotFound", func(t *testing.T) {
		account := s.account()
		_, err := s.c.Observe(t.Context(), account.Owner, account.Name)
		wantKind(t, err, connector.NotFound)
	})
	t.Run("the owner's account is found under whatever name", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[1], s.Roles[0])
		for _, name := range []string{account.Name, "another name", ""} {
			got, err := s.c.Observe(t.Context(), account.Owner, name)
			if err != nil {
				t.Fatal(err)
			}
			want := connector.Observed{ID: got.ID, Name: account.Name, Owner: account.Owner, Active: true, Roles: sorted(s.Roles[:2])}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(connector.Observed{}, "Attributes")); diff != "" || got.ID == "" {
				t.Errorf("observed by name %q (-want +got):\n%s", name, diff)
			}
		}
	})
	t.Run("an account of that name without a mark has no owner", func(t *testing.T) {
		account := s.account()
		s.Foreign(t, account.Name)
		got, err := s.c.Observe(t.Context(), account.Owner, account.Name)
		if err != nil || !got.Owner.IsZero() || got.Name != account.Name {
			t.Errorf("got %+v, %v; want the account of nobody", got, err)
		}
	})
	t.Run("an account of that name with another's mark has that owner", func(t *testing.T) {
		account, stranger := s.existingAccount(t), s.account()
		got, err := s.c.Observe(t.Context(), stranger.Owner, account.Name)
		if err != nil || got.Owner != account.Owner {
			t.Errorf("got %+v, %v; want the account of %v", got, err, account.Owner)
		}
	})
}

func (s *suite) create(t *testing.T) {
	t.Run("an account is made once, with its roles", func(t *testing.T) {
		account := s.account()
		account.Roles = s.Roles[:2]
		s.once(t, ensuring(account))
		s.see(t, account.Name, true, account.Roles...)
	})
	t.Run("Ensure returns what Observe does", func(t *testing.T) {
		account := s.account()
		account.Roles = s.Roles[:1]
		made := s.must(t, account)
		found, err := s.c.Observe(t.Context(), account.Owner, account.Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(found, made, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-observed +returned):\n%s", diff)
		}
	})
	t.Run("an account that should not be active is not made", func(t *testing.T) {
		account := s.account()
		account.Active = false
		s.nothing(t, ensuring(account))
		s.gone(t, account.Name)
	})
}

func (s *suite) update(t *testing.T) {
	t.Run("attributes are set, changed and removed, each once", func(t *testing.T) {
		if len(s.Attributes) == 0 {
			t.Skip("the target keeps no attributes")
		}
		account := s.existingAccount(t, s.Roles[0])
		for _, attributes := range []map[string][]string{s.Attributes[0], s.Attributes[1], nil} {
			account.Attributes = attributes
			s.once(t, ensuring(account))
			s.see(t, account.Name, true, s.Roles[0])
		}
	})
	t.Run("an attribute that the target does not have is refused", func(t *testing.T) {
		account := s.existingAccount(t)
		account.Attributes = map[string][]string{"no such attribute": {"value"}}
		s.refused(t, ensuring(account), connector.Rejected, connector.Unsupported)
	})
}

func (s *suite) rename(t *testing.T) {
	t.Run("the account keeps its id, its roles and its state", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[0])
		before := s.must(t, account)
		renamed := unlike(account, func(a *connector.Account) { a.Name += "-renamed" })
		s.once(t, ensuring(renamed))
		s.gone(t, account.Name)
		s.see(t, renamed.Name, true, s.Roles[0])
		if after := s.must(t, renamed); after.ID != before.ID {
			t.Errorf("the id was %s and is %s", before.ID, after.ID)
		}
	})
	t.Run("a suspended account is renamed and stays suspended", func(t *testing.T) {
		account := s.existingAccount(t)
		s.once(t, suspending(account.Owner))
		renamed := unlike(account, func(a *connector.Account) { a.Name, a.Active = a.Name+"-renamed", false })
		s.once(t, ensuring(renamed))
		s.see(t, renamed.Name, false)
	})
	t.Run("a name that is taken is a Conflict, whatever is to be done with existing accounts", func(t *testing.T) {
		account, taken := s.existingAccount(t), s.account()
		s.Foreign(t, taken.Name)
		for _, existing := range []connector.Existing{connector.Refuse, connector.Ignore, connector.Adopt} {
			s.refused(t, ensuring(unlike(account, func(a *connector.Account) { a.Name, a.Existing = taken.Name, existing })), connector.Conflict)
		}
	})
}

func (s *suite) suspend(t *testing.T) {
	t.Run("the account is not active any more and keeps its roles", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[:2]...)
		s.once(t, suspending(account.Owner))
		s.see(t, account.Name, false, s.Roles[:2]...)
	})
	t.Run("an owner without an account needs no suspension", func(t *testing.T) {
		s.nothing(t, suspending(s.account().Owner))
	})
	t.Run("Ensure suspends as well", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[0])
		s.once(t, ensuring(unlike(account, func(a *connector.Account) { a.Active = false })))
		s.see(t, account.Name, false, s.Roles[0])
		s.nothing(t, suspending(account.Owner))
	})
	t.Run("Ensure resumes", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[0])
		s.once(t, suspending(account.Owner))
		s.once(t, ensuring(account))
		s.see(t, account.Name, true, s.Roles[0])
	})
}

func (s *suite) roles(t *testing.T) {
	t.Run("roles are added and removed, each once", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[0])
		account.Roles = s.Roles[:3]
		s.once(t, ensuring(account))
		s.see(t, account.Name, true, s.Roles[:3]...)
		account.Roles, account.Revoke = s.Roles[2:3], s.Roles[:2]
		s.once(t, ensuring(account))
		s.see(t, account.Name, true, s.Roles[2])
	})
	t.Run("neither order nor repetition of roles matters", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[0], s.Roles[1])
		account.Roles = []string{s.Roles[1], s.Roles[0], s.Roles[1]}
		s.nothing(t, ensuring(account))
	})
	t.Run("a role that is not wanted any more and not revoked stays", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[0])
		account.Roles = nil
		s.nothing(t, ensuring(account))
	})
	t.Run("a role that is both wanted and revoked stays", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[0])
		account.Revoke = s.Roles[:1]
		s.nothing(t, ensuring(account))
	})
	t.Run("a role that somebody else gave stays, wanted or revoked", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[0])
		s.Grant(t, account.Name, s.Roles[1])
		s.nothing(t, ensuring(account))
		account.Roles = s.Roles[:2]
		s.nothing(t, ensuring(account))
		account.Roles, account.Revoke = nil, s.Roles[:2]
		s.once(t, ensuring(account))
		s.see(t, account.Name, true, s.Roles[1])
	})
	t.Run("a role that was taken away by hand is given again", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[0])
		s.Take(t, account.Name, s.Roles[0])
		s.once(t, ensuring(account))
		s.see(t, account.Name, true, s.Roles[0])
		s.once(t, ensuring(unlike(account, func(a *connector.Account) { a.Roles, a.Revoke = nil, a.Roles })))
		s.see(t, account.Name, true)
	})
	t.Run("a role that does not exist is refused, and nothing else is done", func(t *testing.T) {
		account := s.existingAccount(t)
		for _, role := range []string{"no such role", "", `"; DROP ROLE ` + account.Name + `; --`, "a\x00b", "\xff"} {
			s.refused(t, ensuring(unlike(account, func(a *connector.Account) { a.Roles = []string{s.Roles[0], role} })), connector.Rejected)
		}
		missing := s.account()
		missing.Roles = []string{"no such role"}
		s.refused(t, ensuring(missing), connector.Rejected)
	})
	t.Run("to revoke a role that does not exist is nothing", func(t *testing.T) {
		account := s.existingAccount(t)
		account.Revoke = []string{"no such role"}
		s.nothing(t, ensuring(account))
	})
}

func (s *suite) delete(t *testing.T) {
	t.Run("the account is gone, and only that", func(t *testing.T) {
		account := s.existingAccount(t, s.Roles[:2]...)
		before := s.Truth(t)
		s.once(t, deleting(account.Owner, connector.DeleteOptions{}))
		s.unchanged(t, others(before, account.Name))
	})
	t.Run("a suspended account is deleted", func(t *testing.T) {
		account := s.existingAccount(t)
		s.once(t, suspending(account.Owner))
		s.once(t, deleting(account.Owner, connector.DeleteOptions{}))
		s.gone(t, account.Name)
	})
	t.Run("an owner without an account needs no deletion", func(t *testing.T) {
		s.nothing(t, deleting(s.account().Owner, connector.DeleteOptions{}))
	})
	if s.Own == nil {
		return
	}
	t.Run("an account that owns something stays as it is", func(t *testing.T) {
		account := s.existingAccount(t)
		s.Own(t, account.Name)
		s.refused(t, deleting(account.Owner, connector.DeleteOptions{}), connector.Rejected)
		s.refused(t, deleting(account.Owner, connector.DeleteOptions{ReassignTo: "no such heir"}), connector.Rejected)
		s.see(t, account.Name, true)
	})
	t.Run("an account that owns something is deleted when somebody takes it over", func(t *testing.T) {
		account := s.existingAccount(t)
		s.Own(t, account.Name)
		s.once(t, deleting(account.Owner, connector.DeleteOptions{ReassignTo: s.Heir}))
		s.gone(t, account.Name)
	})
}
