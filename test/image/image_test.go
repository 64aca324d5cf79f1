// Package image_test holds together what builds the operator for others: the Dockerfile, hack/build.sh, the release workflow, the chart and go.mod.
// That two builds are equal takes minutes to show, so make reproducible does.
package image_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/internal/build"
)

const root = "../.."

// read gives a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// found is what the groups of an expression match in a file, which must be there.
func found(t *testing.T, path, expression string) []string {
	t.Helper()
	match := regexp.MustCompile(expression).FindStringSubmatch(read(t, path))
	if match == nil {
		t.Fatalf("%s has nothing like %s", path, expression)
	}
	return match[1:]
}

// stages are the instructions of the Dockerfile, comments left out and continued lines joined, by stage. The first has what comes before
// all stages.
func stages(t *testing.T) [][]string {
	t.Helper()
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(read(t, "Dockerfile"), "")
	text = regexp.MustCompile(`\s*\\\n\s*`).ReplaceAllString(text, " ")
	result := [][]string{nil}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if strings.HasPrefix(line, "FROM ") {
			result = append(result, nil)
		}
		result[len(result)-1] = append(result[len(result)-1], line)
	}
	return result
}

// TestDockerfile wants a static binary, made by the script that all builds use with the Go of go.mod, as all that there is in an image without
// shell and root.
func TestDockerfile(t *testing.T) {
	stages := stages(t)
	if len(stages) != 3 {
		t.Fatalf("%d stages, want one that builds and one that is the image", len(stages)-1)
	}
	version := found(t, "go.mod", `(?m)^go (\d+\.\d+)`)[0]
	want := []string{"ARG GO_IMAGE=golang:" + version, "ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot"}
	if diff := cmp.Diff(want, stages[0]); diff != "" {
		t.Errorf("the images that it starts from (-want +got):\n%s", diff)
	}
	if want := "FROM --platform=$BUILDPLATFORM $GO_IMAGE AS builder"; stages[1][0] != want {
		t.Errorf("the first stage is %q, want %q: an emulated compiler takes ten times as long", stages[1][0], want)
	}
	if run := stages[1][len(stages[1])-1]; !strings.HasSuffix(run, "GOOS=$TARGETOS GOARCH=$TARGETARCH VERSION=$VERSION REVISION=$REVISION hack/build.sh scim-operator /out/scim-operator") {
		t.Errorf("it builds by %q, and not by hack/build.sh for the platform that was asked for", run)
	}
	made := slices.DeleteFunc(slices.Clone(stages[2]), func(line string) bool { return strings.HasPrefix(line, "ARG ") || strings.HasPrefix(line, "LABEL ") })
	want = []string{"FROM $BASE_IMAGE", "COPY --from=builder /out/scim-operator /scim-operator", "USER 65532:65532", `ENTRYPOINT ["/scim-operator"]`}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("what makes the image (-want +got):\n%s", diff)
	}
	labels := strings.Join(stages[2], "\n")
	for _, label := range []string{"title", "description", "source", "licenses", "version", "revision", "created", "base.name"} {
		if !strings.Contains(labels, "org.opencontainers.image."+label+"=") {
			t.Errorf("the image lacks the label %s", label)
		}
	}
}

// TestBuildContext wants what the Dockerfile copies to be let through by .dockerignore, and to be there.
func TestBuildContext(t *testing.T) {
	ignored := strings.Split(read(t, ".dockerignore"), "\n")
	if ignored[0] != "*" {
		t.Error(".dockerignore does not begin with everything, so the context may have what nobody thought of")
	}
	copied := 0
	for _, line := range stages(t)[1] {
		fields := strings.Fields(line)
		if fields[0] != "COPY" {
			continue
		}
		for _, path := range fields[1 : len(fields)-1] {
			copied++
			if _, err := os.Stat(filepath.Join(root, path)); err != nil || !slices.Contains(ignored, "!"+path) {
				t.Errorf("the Dockerfile copies %s, which is not there or which .dockerignore keeps from it", path)
			}
		}
	}
	if copied == 0 {
		t.Error("the Dockerfile copies nothing")
	}
}

// TestBuildScript wants the linker to be told of variables that exist: it passes over others in silence.
func TestBuildScript(t *testing.T) {
	if got, want := found(t, "hack/build.sh", `(?m)^package=(\S+)$`)[0], reflect.TypeFor[build.Info]().PkgPath(); got != want {
		t.Errorf("hack/build.sh sets variables of %s, want %s", got, want)
	}
	declared := strings.Split(found(t, "internal/build/build.go", `(?m)^var (.*) string$`)[0], ", ")
	var set []string
	for _, match := range regexp.MustCompile(`-X \$package\.(\w+)=`).FindAllStringSubmatch(read(t, "hack/build.sh"), -1) {
		set = append(set, match[1])
	}
	if diff := cmp.Diff(declared, set); diff != "" {
		t.Errorf("the variables (-declared +set):\n%s", diff)
	}
	for _, flag := range []string{"CGO_ENABLED=0", "-trimpath", "-buildvcs=false"} {
		if !strings.Contains(read(t, "hack/build.sh"), flag) {
			t.Errorf("hack/build.sh builds without %s", flag)
		}
	}
}

// workflow is what the test looks at of a workflow.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Steps       []struct {
			Uses, Run string
			With      map[string]any
		}
	}
}

// TestRelease wants the release to build the Dockerfile with arguments that it has, for the platforms that make reproducible compares, with a bill
// of materials and provenance, and each job to sign what it makes.
func TestRelease(t *testing.T) {
	var release workflow
	if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/release.yaml")), &release); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"contents": "read"}, release.Permissions); diff != "" {
		t.Errorf("what every job may do (-want +got):\n%s", diff)
	}
	builds := 0
	for name, job := range release.Jobs {
		signs := false
		for _, step := range job.Steps {
			signs = signs || strings.Contains(step.Run, "cosign sign")
			if strings.HasPrefix(step.Uses, "docker/build-push-action@") {
				builds++
				expectBuild(t, step.With)
			}
		}
		if !signs || job.Permissions["id-token"] != "write" {
			t.Errorf("job %s signs nothing, or has no identity to sign with", name)
		}
	}
	if builds != 1 {
		t.Errorf("%d builds of an image, want 1", builds)
	}
}

// expectBuild looks at the inputs of the build of the image.
func expectBuild(t *testing.T, with map[string]any) {
	t.Helper()
	platforms := strings.Fields(found(t, "hack/reproducible.sh", `\$\{PLATFORMS:-([^}]*)\}`)[0])
	if got := with["platforms"]; got != strings.Join(platforms, ",") {
		t.Errorf("the image is for %v, and make reproducible compares %v", got, platforms)
	}
	if with["sbom"] != true || with["provenance"] != "mode=max" {
		t.Errorf("bill of materials %v, provenance %v", with["sbom"], with["provenance"])
	}
	var declared []string
	for _, stage := range stages(t) {
		for _, line := range stage {
			if arg, ok := strings.CutPrefix(line, "ARG "); ok {
				for field := range strings.FieldsSeq(arg) {
					name, _, _ := strings.Cut(field, "=")
					declared = append(declared, name)
				}
			}
		}
	}
	args, _ := with["build-args"].(string)
	var given []string
	for line := range strings.Lines(args) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		given = append(given, name)
	}
	slices.Sort(given)
	if diff := cmp.Diff([]string{"BASE_IMAGE", "CREATED", "GO_IMAGE", "REVISION", "VERSION"}, given); diff != "" {
		t.Errorf("arguments of the build (-want +got):\n%s", diff)
	}
	for _, name := range given {
		if !slices.Contains(declared, name) {
			t.Errorf("the build is given %s, which the Dockerfile does not take", name)
		}
	}
}
