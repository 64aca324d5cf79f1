#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME each, one after the other. An input that makes one fail is left in the testdata of its package, where
# `go test` finds it from then on. Nothing else is left behind: what the fuzzer finds interesting goes to Go's own cache.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

git grep --untracked -E '^func Fuzz[A-Za-z0-9_]+\(' -- '*_test.go' | sed -E 's/^(.*)\/[^/]*:func (Fuzz[A-Za-z0-9_]+)\(.*/\1 \2/' | sort -u |
	while read -r package target; do
		echo "== $target in $package, ${FUZZTIME:-20s}"
		go test -run='^$' -fuzz="^$target\$" -fuzztime="${FUZZTIME:-20s}" "./$package" </dev/null
	done
