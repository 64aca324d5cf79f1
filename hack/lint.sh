#!/usr/bin/env bash
# Runs all linters: .golangci.yml on the packages that are named (default: all), .golangci-api.yml on api/. The linter is built once
# from hack/lint, at the versions that its go.sum pins, and kept in the user's cache under a hash of what it is built from.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

key="$(cat hack/lint/go.mod hack/lint/go.sum hack/lint/main.go <(go env GOVERSION GOOS GOARCH) | sha256sum | cut -c1-16)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/scim-operator"
linter="$cache/golangci-lint-$key"

if [[ ! -x "$linter" ]]; then
	echo "building the linter, once, in some minutes: $linter" >&2
	mkdir -p "$cache"
	# A build that is interrupted, or that another one overtakes, must not leave half a program under the final name.
	building="$(mktemp "$cache/building.XXXXXX")"
	trap 'rm -f "$building"' EXIT
	go build -C hack/lint -trimpath -o "$building" .
	mv "$building" "$linter"
fi

result=0
"$linter" run --config .golangci.yml "${@:-./...}" || result=1
"$linter" run --config .golangci-api.yml ./api/v1alpha1/ || result=1
exit "$result"
