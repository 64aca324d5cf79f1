#!/usr/bin/env bash
# Prints the path of helm, and nothing else on standard output: $HELM if that is set, else one that is built once from source, from
# the Go module proxy alone, pinned and checked by hack/helm/go.mod and go.sum, and kept in the user's cache under a hash of what it
# is built from. It may run several times at once.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { echo "helm: $*" >&2; }

# build makes the binary beside its final place and renames it, so that nobody ever sees half of it.
build() {
	local target=$1 version work start=$SECONDS
	mkdir -p "$(dirname "$target")"
	exec 9>"$target.lock"
	if command -v flock >/dev/null; then
		flock --nonblock 9 || say "another run is building it; waiting for that"
		flock 9
	fi
	[[ -x $target ]] && return
	version=$(go -C "$here/helm" list -m -f '{{.Version}}' helm.sh/helm/v4)
	say "building $version from source; this takes some minutes, once"
	work=$(mktemp "$target.XXXXXX")
	if ! CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false" go -C "$here/helm" build \
		-ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$version" -o "$work" helm.sh/helm/v4/cmd/helm; then
		rm -f "$work"
		say "the build failed"
		return 1
	fi
	mv "$work" "$target"
	say "built it in $((SECONDS - start)) s"
}

main() {
	if [[ -n ${HELM:-} ]]; then
		[[ -x $HELM ]] && { echo "$HELM"; return; }
		say "HELM=$HELM is no program; using the pinned one"
	fi
	local key target
	key=$(cat "$here/helm/go.mod" "$here/helm/go.sum" "$here/helm.sh" | git hash-object --stdin)
	target=${XDG_CACHE_HOME:-$HOME/.cache}/scim-operator/helm/$key/helm
	[[ -x $target ]] || build "$target"
	echo "$target"
}

main
