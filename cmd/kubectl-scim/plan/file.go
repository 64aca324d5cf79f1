package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access"
)

const previewText = `With -f it prints what grants would change if they were applied now: the bindings that would be written, and who would gain and lose what, by
role and namespace. The grants come from files of YAML or JSON, or from standard input (-f -), and need not be in the cluster; one that
is there is compared with what it gives at present. Nothing is written. The guard may hold some of the removals, a
subject prefix that the installer requires may leave people out, and a person may have the same by another grant. It takes the right to list all that grants depend on, which the ClusterRole scim-operator-auditor gives.

  kubectl scim plan -f grant.yaml

Without -f its commands are about access plans, which hold removals of access until somebody has decided about them.`

// documentSize is the longest document that is read, in bytes. The API server takes no larger object.
const documentSize = 3 << 20

// proposed is a grant of a file.
type proposed struct {
	kind  string
	grant access.Grant
}

// previewFiles prints what the grants of files would change.
func previewFiles(cmd *cobra.Command, env *cli.Env, files []string, output *cli.Output) error {
	namespace, _, err := env.Flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return fmt.Errorf("finding the namespace of the kubeconfig: %w", err)
	}
	var grants []proposed
	for _, file := range files {
		found, err := readFile(env, file, namespace)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		grants = append(grants, found...)
	}
	if len(grants) == 0 {
		return errors.New("there is no ClusterAccessGrant and no AccessGrant in what -f names")
	}
	kube, err := env.Client()
	if err != nil {
		return err
	}
	objects, err := cli.ReadWorld(cmd.Context(), kube)
	if err != nil {
		return err
	}
	c := newCluster(objects, env.Clock.Now())
	previews := make([]preview, len(grants))
	for i, g := range grants {
		previews[i] = c.preview(g.kind, g.grant)
	}
	if output.String() == cli.FormatJSON {
		return output.Print(env.Streams.Out, cli.Result{Data: previews})
	}
	for i, p := range previews {
		if i > 0 {
			fmt.Fprintln(env.Streams.Out)
		}
		p.write(env.Streams.Out)
	}
	return nil
}

func readFile(env *cli.Env, file, namespace string) ([]proposed, error) {
	in := io.NopCloser(env.Streams.In)
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		in = opened
	}
	defer func() { _ = in.Close() }()
	decoder := utilyaml.NewDocumentDecoder(in)
	var grants []proposed
	buffer := make([]byte, documentSize)
	for n := 1; ; n++ {
		size, err := decoder.Read(buffer)
		if errors.Is(err, io.EOF) {
			return grants, nil
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		found, err := decode(env, buffer[:size], namespace)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		grants = append(grants, found...)
	}
}

// decode reads one document. Other kinds than grants are passed over, because grants are often kept beside what they name.
func decode(env *cli.Env, document []byte, namespace string) ([]proposed, error) {
	if len(bytes.TrimSpace(document)) == 0 {
		return nil, nil
	}
	var kind metav1.PartialObjectMetadata
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return nil, err
	}
	if kind.Kind == "" && kind.APIVersion == "" && kind.Name == "" {
		return nil, nil // There are only comments.
	}
	if kind.GroupVersionKind().GroupVersion() != v1alpha1.GroupVersion || kind.Kind != "ClusterAccessGrant" && kind.Kind != "AccessGrant" {
		env.Say("Passed over: %s", cli.Printable(kind.Kind+" "+kind.Name))
		return nil, nil
	}
	if kind.Name == "" {
		return nil, fmt.Errorf("the %s has no metadata.name: give it one", kind.Kind)
	}
	if kind.Kind == "ClusterAccessGrant" {
		grant := &v1alpha1.ClusterAccessGrant{}
		if err := yaml.UnmarshalStrict(document, grant); err != nil {
			return nil, fmt.Errorf("%s %q: %w", kind.Kind, kind.Name, err)
		}
		return []proposed{{kind.Kind, access.OfCluster(grant)}}, nil
	}
	grant := &v1alpha1.AccessGrant{}
	if err := yaml.UnmarshalStrict(document, grant); err != nil {
		return nil, fmt.Errorf("%s %q: %w", kind.Kind, kind.Name, err)
	}
	if grant.Namespace == "" {
		grant.Namespace = namespace
	}
	return []proposed{{kind.Kind, access.OfNamespace(grant)}}, nil
}

// write is the form that people read.
func (p preview) write(out io.Writer) {
	state := "new"
	if p.Exists {
		state = "exists"
	}
	fmt.Fprintf(out, "%s %s (%s)\n", p.Kind, cli.Printable(p.Grant), state)
	for _, note := range p.Notes {
		fmt.Fprintf(out, "  Note: %s\n", cli.Printable(note))
	}
	if len(p.Bindings) == 0 {
		fmt.Fprintln(out, "  Nothing would change.")
		return
	}
	numbers := map[access.Action]int{}
	for _, b := range p.Bindings {
		numbers[b.Action]++
	}
	fmt.Fprintf(out, "  Bindings: %d created, %d changed, %d recreated, %d deleted\n",
		numbers[access.Create], numbers[access.Update], numbers[access.Recreate], numbers[access.Delete])
	fmt.Fprintf(out, "  Gains: %d, loses: %d\n", p.Gained, p.Lost)
	for _, c := range p.Changes {
		fmt.Fprintf(out, "  %s: +%d -%d\n", cli.Printable(c.where()), len(c.Gained), len(c.Lost))
		for _, name := range c.Gained {
			fmt.Fprintf(out, "    + %s\n", name)
		}
		for _, name := range c.Lost {
			fmt.Fprintf(out, "    - %s\n", name)
		}
	}
}

// where says what a change is about.
func (c change) where() string {
	place, through := "the whole cluster", "named by the grant"
	if c.Namespace != "" {
		place = "namespace " + c.Namespace
	}
	if c.Role != "" {
		through = fmt.Sprintf("role %q (%s)", c.RoleName, c.Role)
	}
	return fmt.Sprintf("%s in %s, %s", c.Target, place, through)
}
