#!/usr/bin/env bash
# Prints the path of helm-unittest, which runs the suites in the chart's folder tests, and nothing else on standard output. It is built once
# from source, from the Go module proxy alone, pinned and checked by hack/helmunittest/go.mod and go.sum, and kept in the user's cache
# under a hash of what it is built from. It may run several times at once.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { echo "helm-unittest: $*" >&2; }

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
	version=$(go -C "$here/helmunittest" list -m -f '{{.Version}}' github.com/helm-unittest/helm-unittest)
	say "building $version from source; this takes some minutes, once"
	work=$(mktemp "$target.XXXXXX")
	if ! CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false" go -C "$here/helmunittest" build \
		-ldflags "-s -w" -o "$work" github.com/helm-unittest/helm-unittest/cmd/helm-unittest; then
		rm -f "$work"
		say "the build failed"
		return 1
	fi
	mv "$work" "$target"
	say "built it in $((SECONDS - start)) s"
}

main() {
	local key target
	key=$(cat "$here/helmunittest/go.mod" "$here/helmunittest/go.sum" "$here/helmunittest.sh" | git hash-object --stdin)
	target=${XDG_CACHE_HOME:-$HOME/.cache}/scim-operator/helm-unittest/$key/helm-unittest
	[[ -x $target ]] || build "$target"
	echo "$target"
}

main
