package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store/failpoint"
	"github.com/scim-operator/scim-operator/test/okta"
)

// maxAttempts bounds how often a push is repeated until the process dies: some failpoints lie on a race that must be lost first.
const maxAttempts = 200

// crashes says which pushes reach a failpoint of a server.
func crashes() map[failpoint.Point]func(*testing.T, *crashRun, int) attempt {
	return map[failpoint.Point]func(*testing.T, *crashRun, int) attempt{
		failpoint.CreateUserUser:    createUser,
		failpoint.CreateUserClaim:   createUser,
		failpoint.CreateUserFence:   createUserUnderOldName,
		failpoint.CreateUserCondemn: raceForUser,
		failpoint.CreateUserUndo:    raceForUser,
		failpoint.UpdateUserFence:   renameUserToOldName,
		failpoint.UpdateUserClaim:   renameUser,
		failpoint.UpdateUserUser:    renameUser,
		failpoint.DeleteUserUser:    deleteUser,
		failpoint.DeleteUserClaim:   deleteUser,

		failpoint.CreateRoleRole:     createGroup,
		failpoint.CreateRoleSlice:    createLargeGroup,
		failpoint.CreateRoleMembers:  createLargeGroup,
		failpoint.CreateRoleClaim:    createGroup,
		failpoint.CreateRoleFence:    createGroupUnderOldName,
		failpoint.CreateRoleCondemn:  raceForGroup,
		failpoint.CreateRoleUndo:     raceForGroup,
		failpoint.UpdateRoleFence:    renameGroupToOldName,
		failpoint.UpdateRoleClaim:    renameGroup,
		failpoint.UpdateRoleSlice:    putLargeGroup,
		failpoint.UpdateRoleRole:     putLargeGroup,
		failpoint.UpdateRoleOldSlice: putLargeGroup,
		failpoint.DeleteRoleRole:     deleteLargeGroup,
		failpoint.DeleteRoleClaim:    deleteLargeGroup,
		failpoint.DeleteRoleSlice:    deleteLargeGroup,
	}
}

// repairs says which residue makes repair, in the controller, reach a failpoint.
func repairs() map[failpoint.Point]func(*testing.T, *crashRun, int) attempt {
	return map[failpoint.Point]func(*testing.T, *crashRun, int) attempt{
		failpoint.RepairFence: renameUser,
		failpoint.RepairClaim: renameUser,
		failpoint.RepairSlice: leaveSlice,
	}
}

// beyondReach are the failpoints that repair reaches only for objects older than ten minutes. The API server sets an object's age, so
// that only the store's own tests, which set the clock, can get there.
func beyondReach() []failpoint.Point {
	return []failpoint.Point{failpoint.RepairCondemn, failpoint.RepairUncondemn, failpoint.RepairResidue}
}

func TestEveryFailpointIsCovered(t *testing.T) {
	covered := map[failpoint.Point]bool{}
	for _, point := range beyondReach() {
		covered[point] = true
	}
	for point := range crashes() {
		covered[point] = true
	}
	for point := range repairs() {
		covered[point] = true
	}
	for _, point := range failpoint.Names() {
		if !covered[point] {
			t.Errorf("no kill test reaches the failpoint %s", point)
		}
		delete(covered, point)
	}
	for point := range covered {
		t.Errorf("there is no failpoint %s any more", point)
	}
}

// TestKilledServer kills a server on either side of every write, and wants that nothing acknowledged is lost, that Okta's next try
// succeeds, and that repair leaves nothing over.
func TestKilledServer(t *testing.T) {
	o := sharedOperator(t)
	for _, point := range failpoint.Names() {
		factory, ok := crashes()[point]
		if !ok {
			continue
		}
		for _, when := range []failpoint.When{failpoint.Before, failpoint.After} {
			t.Run(fmt.Sprintf("%s-%s", point, when), func(t *testing.T) {
				r := newCrashRun(t, o, point, when)
				doomed, err := o.startServer(t.Context(), "doomed-"+r.tag, built.failing, string(point)+":"+string(when))
				check(t, "start the doomed server", err)
				t.Cleanup(func() { doomed.Stop(0) })
				r.killedAt(t, factory, doomed, target{o.client(t, doomed, okta.AIW), doomed})
			})
		}
	}
	// Repair leaves a slice alone until it is a minute old, so it is waited for once and not after each crash. Names tell of which crash
	// something is left over.
	o.assertNoResidue(t)
	o.removeLosers(t)
}

// removeLosers deletes the objects that lost their names to the next try, and so never counted. Repair would do it when they are ten
// minutes old, in the middle of some other test that counts what changes.
func (o *operator) removeLosers(t *testing.T) {
	t.Helper()
	users, roles, claims := &v1alpha1.ScimUserList{}, &v1alpha1.ScimRoleList{}, &v1alpha1.ScimClaimList{}
	for _, list := range []client.ObjectList{users, roles, claims} {
		check(t, "list what is left", o.kube.List(t.Context(), list))
	}
	owners := map[string]bool{}
	for i := range claims.Items {
		owners[claims.Items[i].Spec.Owner] = true
	}
	remove := func(obj client.Object) {
		if !owners[obj.GetName()] {
			check(t, "delete an object that lost its name", client.IgnoreNotFound(o.kube.Delete(t.Context(), obj)))
		}
	}
	for i := range users.Items {
		remove(&users.Items[i])
	}
	for i := range roles.Items {
		remove(&roles.Items[i])
	}
}

// TestKilledController does the same to repair.
func TestKilledController(t *testing.T) {
	o := sharedOperator(t)
	for _, point := range failpoint.Names() {
		factory, ok := repairs()[point]
		if !ok {
			continue
		}
		for _, when := range []failpoint.When{failpoint.Before, failpoint.After} {
			t.Run(fmt.Sprintf("%s-%s", point, when), func(t *testing.T) {
				r := newCrashRun(t, o, point, when)
				o.controller.Stop(patience)
				doomed, err := o.startController(t.Context(), "doomed-"+r.tag, built.failing, string(point)+":"+string(when))
				check(t, "start the doomed controller", err)
				t.Cleanup(func() {
					doomed.Stop(0)
					o.releaseLease(t)
					o.controller, err = o.startController(context.WithoutCancel(t.Context()), "controller-after-"+r.tag, built.operator, "")
					check(t, "start a healthy controller", err)
					o.assertNoResidue(t)
				})
				r.killedAt(t, factory, doomed, r.healthy)
			})
		}
	}
}

// releaseLease does what the killed controller could not do any more, so that the next one need not wait until the Lease runs out.
func (o *operator) releaseLease(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	check(t, "delete the Lease", o.kube.DeleteAllOf(ctx, &coordinationv1.Lease{}, client.InNamespace(namespace)))
}

// target is a server and a client of it.
type target struct {
	*okta.Client
	process *process
}

// attempt is one push on which a process may die.
type attempt struct {
	// push is what Okta sends, and sends again, to another server, when no answer came.
	push func(context.Context, target) error
	// first, when it is set, stands for push at the doomed server.
	first func(context.Context, target) error
	// intact, when it is set, must hold between the crash and the next try: a change happened as a whole or not at all.
	intact func(context.Context, target) error
	// holds must hold once the push has been acknowledged.
	holds func(context.Context, target) error
}

// crashRun is one crash with its preparation and its aftermath.
type crashRun struct {
	o       *operator
	tag     string
	healthy target
}

func newCrashRun(t *testing.T, o *operator, point failpoint.Point, when failpoint.When) *crashRun {
	t.Helper()
	return &crashRun{
		o: o, tag: strings.NewReplacer(".", "-").Replace(string(point)) + "-" + string(when),
		healthy: target{o.client(t, o.servers[0], okta.AIW), o.servers[0]},
	}
}

// killedAt pushes at a server until the doomed process dies, and then looks at what it left behind.
func (r *crashRun) killedAt(t *testing.T, factory func(*testing.T, *crashRun, int) attempt, doomed *process, at target) {
	t.Helper()
	var acknowledged []attempt
	var last attempt
	for i := range maxAttempts {
		last = factory(t, r, i)
		first := last.push
		if last.first != nil {
			first = last.first
		}
		err := first(t.Context(), at)
		if errors.Is(err, errSeveralWinners) {
			t.Fatal(err)
		}
		if err == nil {
			acknowledged = append(acknowledged, last)
		}
		if err != nil || i == maxAttempts-1 || ended(doomed) {
			r.awaitEnd(t, doomed, err)
			break
		}
	}
	for i, a := range acknowledged {
		check(t, fmt.Sprintf("push %d, which was acknowledged before the crash", i), a.holds(t.Context(), r.healthy))
	}
	if last.intact != nil {
		check(t, "between the crash and the next try", last.intact(t.Context(), r.healthy))
	}
	check(t, "the next try at a healthy server", last.push(t.Context(), r.healthy))
	check(t, "after the next try", last.holds(t.Context(), r.healthy))
}

// awaitEnd wants the process to be gone, by the failpoint and not by an orderly end.
func (r *crashRun) awaitEnd(t *testing.T, doomed *process, cause error) {
	t.Helper()
	eventually(t, "the failpoint kills the process", func(context.Context) error {
		if !ended(doomed) {
			return fmt.Errorf("it lives; the last push ended with: %w", cause)
		}
		return nil
	})
	if err := doomed.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the process ended with %v, want it killed\n%s", err, doomed.LogTail(4000))
	}
}

func ended(p *process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// assertNoResidue waits until repair is through: every claim names an object that bears its value, every slice belongs to its role, and
// every object has its claim. An object that lost its name to another one may stay, without effect, until it is ten minutes old.
func (o *operator) assertNoResidue(t *testing.T) {
	t.Helper()
	eventually(t, "repair leaves nothing over", func(ctx context.Context) error {
		users, roles := &v1alpha1.ScimUserList{}, &v1alpha1.ScimRoleList{}
		claims, parts := &v1alpha1.ScimClaimList{}, &v1alpha1.ScimRoleSliceList{}
		for _, list := range []client.ObjectList{users, roles, claims, parts} {
			if err := o.kube.List(ctx, list); err != nil {
				return err
			}
		}
		return residue(users.Items, roles.Items, claims.Items, parts.Items)
	})
}

// residue names the first thing that is left over.
func residue(users []v1alpha1.ScimUser, roles []v1alpha1.ScimRole, claims []v1alpha1.ScimClaim, parts []v1alpha1.ScimRoleSlice) error {
	claimOf, referenced := map[string]string{}, map[string]bool{}
	for _, user := range users {
		claimOf[user.Name] = v1alpha1.ClaimName(v1alpha1.ClaimUserName, user.Spec.UserName)
	}
	for _, role := range roles {
		claimOf[role.Name] = v1alpha1.ClaimName(v1alpha1.ClaimDisplayName, role.Spec.DisplayName)
		for _, name := range role.Spec.Slices {
			referenced[name] = true
		}
	}
	taken := map[string]bool{}
	for _, claim := range claims {
		if claimOf[claim.Spec.Owner] != claim.Name {
			return fmt.Errorf("claim %s of %q names %q, which does not bear it", claim.Name, claim.Spec.Value, claim.Spec.Owner)
		}
		taken[claim.Name] = true
	}
	for object, claim := range claimOf {
		if !taken[claim] {
			return fmt.Errorf("%s has no claim", object)
		}
	}
	for _, part := range parts {
		if !referenced[part.Name] {
			return fmt.Errorf("slice %s of role %s is not referenced", part.Name, part.Spec.Role)
		}
	}
	return nil
}

// leaveSlice makes a slice that no role refers to, as a crash between a slice and its role does.
func leaveSlice(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	name := fmt.Sprintf("Slices %s %d", r.tag, i)
	role := must[string](t)(r.healthy.PushGroup(t.Context(), name, okta.Members("somebody")))
	// The admission policies let nobody write slices but the operator.
	server := must[client.Client](t)(newKubeAs(t.Context(), r.o.kube, serverAccount))
	return attempt{
		first: func(ctx context.Context, _ target) error {
			return server.Create(ctx, &v1alpha1.ScimRoleSlice{
				ObjectMeta: metav1.ObjectMeta{GenerateName: role + "-", Labels: map[string]string{v1alpha1.LabelRole: role}},
				Spec:       v1alpha1.ScimRoleSliceSpec{Role: role, Members: []string{"nobody"}},
			})
		},
		// Nothing is tried again: another slice would have to settle for another minute.
		push:  func(context.Context, target) error { return nil },
		holds: func(ctx context.Context, at target) error { return sameMembers(ctx, at, role, []string{"somebody"}) },
	}
}
