package token

import (
	"cmp"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// The states of a credential.
const (
	stateValid    = "Valid"
	stateExpiring = "Expiring"
	stateExpired  = "Expired"
	stateNotYet   = "NotYetValid"
)

// expiringSoon is how long before its end a credential is called Expiring: time enough to ask whoever administers the identity provider.
const expiringSoon = 14 * 24 * time.Hour

// view is one credential as `token list` shows it. It never has the hash.
type view struct {
	Directory    string       `json:"directory"`
	Name         string       `json:"name"`
	Kind         string       `json:"kind"`
	Access       string       `json:"access"`
	NotBefore    *metav1.Time `json:"notBefore,omitempty"`
	ExpiresAt    *metav1.Time `json:"expiresAt,omitempty"`
	LastUsedTime *metav1.Time `json:"lastUsedTime,omitempty"`
	State        string       `json:"state"`
	Secret       string       `json:"secret,omitempty"`
	UserID       string       `json:"userID,omitempty"`
}

func newListCommand(env *cli.Env) *cobra.Command {
	output := cli.AllFormats()
	cmd := &cobra.Command{
		Use:     "list [DIRECTORY]",
		Aliases: []string{"ls"},
		Short:   "List the credentials of a directory, or of all of them",
		Long: `Lists the credentials of a directory, or of all directories: what they may do, from when until when, and when they were last used. The
time of the last use is written at most every ten minutes. No token is shown, because the cluster does not know it.`,
		Args:              cli.ArgsBetween(0, 1),
		ValidArgsFunction: env.Complete(0, cli.Directories),
		RunE: func(cmd *cobra.Command, args []string) error {
			kube, err := env.Client()
			if err != nil {
				return err
			}
			directories, err := cli.FindDirectories(cmd.Context(), kube, args)
			if err != nil {
				return err
			}
			return output.Print(env.Streams.Out, listed(directories, env.Clock.Now()))
		},
	}
	output.Bind(cmd)
	return cmd
}

func listed(directories []v1alpha1.ScimDirectory, now time.Time) cli.Result {
	result := cli.Result{Table: cli.NewTable("Directory", "Name", "Access", "Not-Before", "Expires", "Last-Used", "State", "+Kind", "+Secret", "+User-ID")}
	views := []view{}
	for i := range directories {
		for j := range directories[i].Spec.Credentials {
			v := viewOf(&directories[i], j, now)
			views = append(views, v)
			result.Names = append(result.Names, v.Directory+"/"+v.Name)
			cli.AddRow(result.Table, v.Directory, v.Name, v.Access, cli.Time(v.NotBefore), cli.Time(v.ExpiresAt), cli.Ago(v.LastUsedTime, now), v.State,
				v.Kind, v.Secret, v.UserID)
		}
	}
	result.Data = views
	return result
}

func viewOf(directory *v1alpha1.ScimDirectory, i int, now time.Time) view {
	c := &directory.Spec.Credentials[i]
	v := view{
		Directory: directory.Name, Name: c.Name, Kind: "Hash", Access: string(cmp.Or(c.Access, v1alpha1.AccessReadWrite)),
		NotBefore: c.NotBefore, ExpiresAt: c.ExpiresAt, LastUsedTime: lastUsed(directory, c.Name), State: stateOf(c, now), UserID: c.UserID,
	}
	switch {
	case c.TokenSecretRef.Name != "":
		v.Kind, v.Secret = "Secret", c.TokenSecretRef.Name
	case c.BasicSecretRef.Name != "":
		v.Kind, v.Secret = "Basic", c.BasicSecretRef.Name
	}
	return v
}

func stateOf(c *v1alpha1.Credential, now time.Time) string {
	switch {
	case c.ExpiresAt != nil && !now.Before(c.ExpiresAt.Time):
		return stateExpired
	case !c.ValidAt(now):
		return stateNotYet
	case c.ExpiresAt != nil && c.ExpiresAt.Sub(now) < expiringSoon:
		return stateExpiring
	}
	return stateValid
}

func lastUsed(directory *v1alpha1.ScimDirectory, name string) *metav1.Time {
	for i := range directory.Status.Credentials {
		if directory.Status.Credentials[i].Name == name {
			return directory.Status.Credentials[i].LastUsedTime
		}
	}
	return nil
}
