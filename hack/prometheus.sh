#!/usr/bin/env bash
# Prints the path of a directory that holds promtool and selectors, and nothing else on standard output: $PROMETHEUS_BIN if that has them, else one
# where they are built once from source, from the Go module proxy alone, pinned and checked by hack/prometheus/go.mod and go.sum, and kept in the
# user's cache under a hash of what they are built from. It may run several times at once.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { echo "prometheus: $*" >&2; }

complete() { [[ -x $1/promtool && -x $1/selectors ]]; }

# build makes the programs beside their final place and renames the directory, so that nobody ever sees half of it. Without any service
# discovery promtool depends on a tenth of what it depends on otherwise.
build() {
	local target=$1 work start=$SECONDS
	mkdir -p "$(dirname "$target")"
	exec 9>"$target.lock"
	if command -v flock >/dev/null; then
		flock --nonblock 9 || say "another run is building it; waiting for that"
		flock 9
	fi
	complete "$target" && return
	say "building $(go -C "$here/prometheus" list -m github.com/prometheus/prometheus) from source; this takes some minutes, once"
	work=$(mktemp -d "$target.XXXXXX")
	if ! GOFLAGS="-trimpath -buildvcs=false" go -C "$here/prometheus" build -tags remove_all_sd -ldflags "-s -w" -o "$work/" \
		github.com/prometheus/prometheus/cmd/promtool ./selectors; then
		rm -rf "$work"
		say "the build failed"
		return 1
	fi
	mv "$work" "$target"
	say "built it in $((SECONDS - start)) s"
}

main() {
	if [[ -n ${PROMETHEUS_BIN:-} ]]; then
		complete "$PROMETHEUS_BIN" && { echo "$PROMETHEUS_BIN"; return; }
		say "PROMETHEUS_BIN=$PROMETHEUS_BIN lacks promtool or selectors; using the pinned ones"
	fi
	local key target
	key=$(cat "$here"/prometheus/{go.mod,go.sum,selectors/main.go} "$here/prometheus.sh" | git hash-object --stdin)
	target=${XDG_CACHE_HOME:-$HOME/.cache}/scim-operator/prometheus/$key
	complete "$target" || build "$target"
	echo "$target"
}

main
