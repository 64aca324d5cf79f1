#!/usr/bin/env bash
# Checks what can be checked without running the program, and that docs/scim-conformance.md says what the program does. The arguments are the paths that hack/generate.sh writes.
#
# Generated files are compared with what they were a moment ago and not with the last commit, so the check means the same in a
# tree with uncommitted work.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
generated=("$@")
failed=()

# step NAME COMMAND... goes on after a failure, so that one run shows all of them.
step() {
	local name=$1 start=$SECONDS
	shift
	echo "== $name"
	"$@" || failed+=("$name")
	echo "   $((SECONDS - start)) s"
}

# fingerprint prints the hash and the name of every file under the paths; files that are new count too.
fingerprint() {
	find "${generated[@]}" -type f -print0 | sort -z | xargs -0 git hash-object | paste -d' ' - <(find "${generated[@]}" -type f | sort)
}

generated_files_are_fresh() {
	local before after
	before=$(fingerprint)
	hack/generate.sh || return
	after=$(fingerprint)
	diff <(echo "$before") <(echo "$after") >&2 && return
	echo "generated files are stale (< before, > after make generate); make generate has just updated them" >&2
	return 1
}

# The validators see the bundle as it is written anew.
bundle_is_fresh() {
	local fresh result=0
	fresh=$(mktemp -d) || return
	hack/bundle.sh "$fresh" && diff -r bundle "$fresh" >&2 || result=1
	rm -rf "$fresh"
	((result == 0)) && return
	echo "the bundle has errors or is stale (< is, > should be): make bundle" >&2
	return 1
}

gofmt_is_clean() {
	local files
	files=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l)
	[[ -z $files ]] && return
	echo "not formatted with gofmt:" "$files" >&2
	return 1
}

vet() {
	go vet ./...
	go vet -tags=failpoints ./...
	go vet -tags=e2e ./test/cluster/
}

# modules are complete, minimal and what the checksums say.
modules() {
	local dir failures=0
	for dir in . hack/*/; do
		[[ -f $dir/go.mod ]] || continue
		echo "-- $dir"
		go -C "$dir" mod verify || failures=1
		go -C "$dir" mod tidy -diff || failures=1
	done
	return "$failures"
}

kustomizations_build() {
	local kubectl
	kubectl=$(hack/controlplane/assets.sh)/kubectl || return
	"$kubectl" kustomize config/default >/dev/null || return
	diff <(find config/crd/bases -name '*.yaml' | sed 's|^config/crd/||' | sort) \
		<(sed -n 's/^  - \(bases\/.*\)$/\1/p' config/crd/kustomization.yaml | sort) >&2 && return
	echo "config/crd/kustomization.yaml does not list what is in config/crd/bases (< files, > listed)" >&2
	return 1
}

shell_scripts() {
	local scripts=(hack/*.sh hack/*/*.sh .ci/run) script
	for script in "${scripts[@]}"; do
		bash -n "$script" || return
	done
	if ! command -v shellcheck >/dev/null; then
		echo "shellcheck is not installed; checked the syntax only"
		return
	fi
	shellcheck "${scripts[@]}"
}

workflows() {
	go tool -modfile=hack/tools/go.mod actionlint
}

# Each statement of the RFCs has a test that passes or a reason, and the table says so. The result of an earlier run does not count.
conformance_table_is_proved() {
	local assets
	assets=$(hack/controlplane/assets.sh) || return
	KUBEBUILDER_ASSETS=$assets go test -count=1 -timeout=15m ./test/conformance/
}

step "generated files" generated_files_are_fresh
step "bundle" bundle_is_fresh
step "format" gofmt_is_clean
step "go vet" vet
step "lint" hack/lint.sh
step "modules" modules
step "kustomizations" kustomizations_build
step "conformance table" conformance_table_is_proved
step "shell scripts" shell_scripts
step "workflows" workflows

if ((${#failed[@]} > 0)); then
	printf 'verify: failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
echo "verify: all good"
