package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// effectTimeout is how long a change may take to show. It takes milliseconds unless the machine is very busy.
const effectTimeout = 30 * time.Second

func (d *demonstration) say(format string, args ...any) {
	tell(d.out, format, args...)
}

func (d *demonstration) heading(text string) {
	d.act++
	d.say("\n=== %d. %s ===\n", d.act, text)
}

// kubectl shows a command and its output, and fails when the command does. A command given input reads it from standard input.
func (d *demonstration) kubectl(ctx context.Context, input string, args ...string) error {
	d.say("$ kubectl %s", strings.Join(args, " "))
	output, err := d.output(ctx, input, args...)
	d.say("%s", output)
	if err != nil {
		return fmt.Errorf("kubectl %s: %w", args[0], err)
	}
	return nil
}

func (d *demonstration) output(ctx context.Context, input string, args ...string) (string, error) {
	all := append([]string{"--kubeconfig=" + d.place.kubeconfig()}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(d.assets, "kubectl"), all...)
	cmd.Stdin = strings.NewReader(input)
	output, err := cmd.CombinedOutput()
	return strings.TrimRight(string(output), "\n"), err
}

// bindings shows who is bound to what.
func (d *demonstration) bindings(ctx context.Context) error {
	return d.kubectl(ctx, "", "get", "clusterrolebindings,rolebindings", "--all-namespaces", "--selector=app.kubernetes.io/managed-by=scim-operator",
		"--output=custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name,ROLE:.roleRef.name,SUBJECTS:.subjects[*].name")
}

// directory shows the directory once its count of users, which follows a few seconds later, is right.
func (d *demonstration) directory(ctx context.Context) error {
	err := poll(ctx, effectTimeout, func(ctx context.Context) error {
		names, err := d.output(ctx, "", "get", "scimusers", "--field-selector=spec.directory="+directoryName, "--output=name")
		if err != nil {
			return fmt.Errorf("%w: %s", err, names)
		}
		counted, err := d.output(ctx, "", "get", "scimdirectory", directoryName, "--output=jsonpath={.status.users}")
		if err != nil {
			return fmt.Errorf("%w: %s", err, counted)
		}
		if want := strconv.Itoa(len(strings.Fields(names))); counted != want {
			return fmt.Errorf("status.users is %q, want %s", counted, want)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("scimdirectory %s: %w", directoryName, err)
	}
	d.say("")
	return d.kubectl(ctx, "", "get", "scimdirectories")
}

// canAll asks for what the grants of the demo give.
func (d *demonstration) canAll(ctx context.Context, person, want string) error {
	if err := d.can(ctx, person, want, "update", "deployments.apps", "--namespace=payments"); err != nil {
		return err
	}
	return d.can(ctx, person, want, "list", "pods", "--all-namespaces")
}

// can asks until the answer is the wanted one, shows the question and the answer, and fails when the answer stays another.
func (d *demonstration) can(ctx context.Context, person, want string, question ...string) error {
	args := append(append([]string{"auth", "can-i"}, question...), "--as="+oidcPrefix+person)
	start := time.Now()
	var answer string
	err := poll(ctx, effectTimeout, func(ctx context.Context) error {
		var err error
		if answer, err = d.answer(ctx, args); err != nil {
			return err
		}
		if answer != want {
			return fmt.Errorf("the answer is %q, want %q", answer, want)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("kubectl %s: %w", strings.Join(args, " "), err)
	}
	d.say("$ kubectl %s\n%s   (after %d ms, those of kubectl included)", strings.Join(args, " "), answer, time.Since(start).Milliseconds())
	return nil
}

// answer is yes or no; kubectl says no with exit code 1, and adds warnings on lines before it.
func (d *demonstration) answer(ctx context.Context, args []string) (string, error) {
	output, err := d.output(ctx, "", args...)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	lines := strings.Split(output, "\n")
	last := lines[len(lines)-1]
	word, _, _ := strings.Cut(last, " ") // "no - no RBAC policy matched"
	if word != "yes" && word != "no" {
		return "", fmt.Errorf("unexpected answer: %s", output)
	}
	return word, nil
}
