// Package doctor checks what commonly goes wrong between an identity provider, the operator and the API server. It only reads, and
// asks the API server what it would allow.
package doctor

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// Outcome is what a check came to.
type Outcome string

// What a check came to. Only a failure makes the command fail.
const (
	Pass Outcome = "PASS"
	Warn Outcome = "WARN"
	Fail Outcome = "FAIL"
)

// Finding is the result of one check.
type Finding struct {
	// Check is the name of the check, with what was checked after a slash.
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	Message string  `json:"message"`
	// Remedy says what to do; empty for a check that passed.
	Remedy string `json:"remedy,omitempty"`
}

func pass(check, format string, args ...any) Finding {
	return Finding{Check: check, Outcome: Pass, Message: fmt.Sprintf(format, args...)}
}

func warn(check, message, remedy string) Finding {
	return Finding{Check: check, Outcome: Warn, Message: message, Remedy: remedy}
}

func fail(check, message, remedy string) Finding {
	return Finding{Check: check, Outcome: Fail, Message: message, Remedy: remedy}
}

// unknown is the finding of a check that could not be made.
func unknown(check string, err error) Finding {
	return warn(check, "could not be checked: "+err.Error(), "Ask for the right to read it, or let somebody run this who has it.")
}

// examination is what the checks work with.
type examination struct {
	kube      client.Client
	config    *rest.Config
	now       func() time.Time
	namespace string
	user      string
	roots     *x509.CertPool
}

// NewCommand is `kubectl scim doctor`.
func NewCommand(env *cli.Env) *cobra.Command {
	var user, authorities string
	output := cli.NewOutput(cli.FormatJSON, cli.FormatYAML, cli.FormatTable, cli.FormatWide)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the installation, and say what to do about what is wrong",
		Long: `Checks what commonly goes wrong: the custom resource definitions, the admission policies, your permissions and those of the operator's two
accounts, the directories and their credentials, the certificate that identity providers see, the clocks, the apps that accounts are kept
in, and whether the user name that bindings name is the one under which the API server knows you.

It changes nothing. Each check passes, warns or fails, and says what to do. The exit code is 1 when a check fails.`,
		Args:              cli.Args(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := newExamination(env, user, authorities)
			if err != nil {
				return err
			}
			findings := e.run(cmd.Context())
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			if err := output.Print(env.Streams.Out, report(findings)); err != nil {
				return err
			}
			return verdict(findings)
		},
	}
	output.Bind(cmd)
	cmd.Flags().StringVar(&user, "scim-user", "", "Name or userName of the ScimUser that is you; without it, the user is found by the name that the API server knows you by")
	cmd.Flags().StringVar(&authorities, "ca-file", "", "Certificates in PEM that the SCIM endpoint's certificate may be signed by, in the place of the system's")
	_ = cmd.RegisterFlagCompletionFunc("scim-user", env.CompleteFlag(cli.Users))
	return cmd
}

func newExamination(env *cli.Env, user, authorities string) (*examination, error) {
	e := &examination{now: env.Clock.Now, namespace: env.Namespace, user: user}
	var err error
	if e.config, err = env.RESTConfig(); err != nil {
		return nil, err
	}
	if e.kube, err = env.Client(); err != nil {
		return nil, err
	}
	if authorities == "" {
		return e, nil
	}
	raw, err := os.ReadFile(authorities)
	if err != nil {
		return nil, fmt.Errorf("flag --ca-file: %w", err)
	}
	e.roots = x509.NewCertPool()
	if !e.roots.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("flag --ca-file: there is no certificate in %s", authorities)
	}
	return e, nil
}

// run makes all checks, in the order in which a person would mend what they find.
func (e *examination) run(ctx context.Context) []Finding {
	findings, served := e.definitions(ctx)
	findings = append(findings, e.policies(ctx)...)
	findings = append(findings, e.permissions(ctx)...)
	findings = append(findings, e.accounts(ctx)...)
	findings = append(findings, e.apiClock(ctx))
	if !served {
		return findings // Nothing of the rest can be read.
	}
	var list v1alpha1.ScimDirectoryList
	if err := e.kube.List(ctx, &list); err != nil {
		return append(findings, unknown("directories", err))
	}
	if len(list.Items) == 0 {
		findings = append(findings, warn("directories", "there is no ScimDirectory, so no identity provider can push",
			"Make one, and a token for it with `kubectl scim token create NAME`."))
	}
	for i := range list.Items {
		findings = append(findings, directoryFindings(&list.Items[i], e.now())...)
		findings = append(findings, e.endpoint(ctx, &list.Items[i])...)
	}
	findings = append(findings, e.connections(ctx)...)
	return append(findings, e.identity(ctx, list.Items)...)
}

func verdict(findings []Finding) error {
	for _, f := range findings {
		if f.Outcome == Fail {
			return cli.ErrReported
		}
	}
	return nil
}

// report shows the findings, and in the end how many there are of each.
func report(findings []Finding) cli.Result {
	table := cli.NewTable("Outcome", "Check", "Message", "+Remedy")
	counts := map[Outcome]int{}
	for _, f := range findings {
		cli.AddRow(table, string(f.Outcome), f.Check, f.Message, f.Remedy)
		counts[f.Outcome]++
	}
	return cli.Result{Data: findings, Table: table, Text: func(out io.Writer) {
		for _, f := range findings {
			fmt.Fprintf(out, "%s  %s: %s\n", f.Outcome, f.Check, f.Message)
			if f.Remedy != "" {
				fmt.Fprintf(out, "      %s\n", f.Remedy)
			}
		}
		fmt.Fprintf(out, "\n%d passed, %s, %s\n", counts[Pass], cli.Plural(counts[Warn], "warning"), cli.Plural(counts[Fail], "failure"))
	}}
}
