package apps

import (
	"context"
	"slices"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/accounts"
	"github.com/scim-operator/scim-operator/internal/connector"
)

// outcome is what the app has after an operation.
type outcome struct {
	observed connector.Observed
	exists   bool
	changed  bool
	given    connector.Record
}

// suspend needs the owner and nothing else.
func (e *engine) suspend(ctx context.Context, use *lease, s *subject) (outcome, error) {
	changed, err := call(ctx, e, "Suspend", func(ctx context.Context) (bool, error) { return use.Suspend(ctx, e.owner(s.id)) })
	return outcome{changed: changed, given: record(s.account.Status.Given)}, err
}

func (e *engine) remove(ctx context.Context, use *lease, s *subject) (outcome, error) {
	options := connector.DeleteOptions{ReassignTo: e.app.Spec.Deprovisioning.ReassignTo}
	changed, err := call(ctx, e, "Delete", func(ctx context.Context) (bool, error) { return use.Delete(ctx, e.owner(s.id), options) })
	return outcome{changed: changed}, err
}

// observe asks what the app has; exists is false when it has neither the person's account nor one of that name.
func (e *engine) observe(ctx context.Context, use *lease, s *subject, name string) (found connector.Observed, exists bool, err error) {
	found, err = call(ctx, e, "Observe", func(ctx context.Context) (connector.Observed, error) { return use.Observe(ctx, e.owner(s.id), name) })
	if connector.KindOf(err) == connector.NotFound {
		return connector.Observed{}, false, nil
	}
	return found, err == nil, err
}

// ensure makes the account what it should be. It looks first where the account may have to be adopted by more than its name, and where the
// app has no room for the memory of what was given.
func (e *engine) ensure(ctx context.Context, use *lease, s *subject) (outcome, error) {
	account := s.decision.Account
	if s.held {
		account = accounts.Keeping(s.decision)
	}
	choosing := account.Existing == connector.Adopt && e.rules.Matches() && s.account.Status.AccountID == ""
	if choosing || !use.caps.KeepsRecord {
		found, exists, err := e.observe(ctx, use, s, account.Name)
		if err != nil {
			return outcome{}, err
		}
		if exists && found.Owner.IsZero() && !e.rules.MayAdopt(s.person, found) && account.Existing == connector.Adopt {
			account.Existing = connector.Refuse
		}
		if !use.caps.KeepsRecord {
			if account.Record, err = e.remember(ctx, s, account, found); err != nil {
				return outcome{}, err
			}
		}
	}
	type answer struct {
		observed connector.Observed
		changed  bool
	}
	a, err := call(ctx, e, "Ensure", func(ctx context.Context) (answer, error) {
		observed, changed, err := use.Ensure(ctx, account)
		return answer{observed, changed}, err
	})
	return outcome{observed: a.observed, exists: a.observed.ID != "" || a.observed.Name != "", changed: a.changed, given: a.observed.Record}, err
}

// remember writes down what is about to be given, and what the app does not show already, before it is given: so a lost answer, or the end of
// this process, leaves a record of too much and never of too little.
func (e *engine) remember(ctx context.Context, s *subject, account connector.Account, found connector.Observed) (connector.Record, error) {
	given := record(s.account.Status.Given)
	for _, role := range account.Roles {
		if !slices.Contains(found.Roles, role) {
			given.Roles = append(given.Roles, role)
		}
	}
	for name := range account.Attributes {
		if _, shown := found.Attributes[name]; !shown {
			given.Attributes = append(given.Attributes, name)
		}
	}
	given = connector.Record{Roles: unique(given.Roles), Attributes: unique(given.Attributes)}
	return given, e.write(ctx, s, func(status *v1alpha1.AppAccountStatus) {
		if status.Input != s.decision.Input {
			unsure(status) // as in begin
		}
		status.Given = v1alpha1.GivenRecord{Roles: given.Roles, Attributes: given.Attributes}
	})
}

func unique(values []string) []string {
	slices.Sort(values)
	return slices.Compact(values)
}

func record(given v1alpha1.GivenRecord) connector.Record {
	return connector.Record{Roles: slices.Clone(given.Roles), Attributes: slices.Clone(given.Attributes)}
}

// preview reads the app and says in the status what Enforce would do.
func (e *engine) preview(ctx context.Context, use *lease, s *subject) error {
	if err := e.turn(ctx, false); err != nil {
		return err
	}
	found, exists, err := e.observe(ctx, use, s, s.decision.Account.Name)
	if err != nil {
		return e.failed(ctx, s, err)
	}
	var changes []string
	if e.app.Spec.Mode == v1alpha1.AppPlan {
		changes = e.planned(s, found, exists)
	}
	if err := e.write(ctx, s, func(status *v1alpha1.AppAccountStatus) { previewed(status, s.decision, found, exists, changes) }); err != nil {
		return err
	}
	e.memory.done(s.id)
	return nil
}

// planned says what would be done about an account, or why it could not be.
func (e *engine) planned(s *subject, found connector.Observed, exists bool) []string {
	mine := exists && found.Owner == e.owner(s.id)
	switch {
	case s.decision.Action == accounts.ActSuspend && mine && found.Active:
		return []string{"suspend the account"}
	case s.decision.Action == accounts.ActDelete && mine:
		return []string{"delete the account"}
	case s.decision.Action != accounts.ActEnsure:
		return nil
	case exists && !mine && !found.Owner.IsZero():
		return []string{"fail, because the account belongs to somebody else"}
	case exists && found.Owner.IsZero() && s.decision.Account.Existing == connector.Ignore:
		return nil
	case exists && found.Owner.IsZero() && !e.rules.MayAdopt(s.person, found):
		return []string{"fail, because the account is there already and spec.existing does not let it be adopted"}
	}
	return accounts.Differences(s.decision.Account, found, exists)
}
