#!/usr/bin/env bash
# Measures the SCIM server beside the API server and writes what came of it: docs/benchmarks/server.txt, which benchstat reads, a chart
# of the cost of a request beside it, and the table in docs/benchmarks.md. Nothing else should run meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

assets=$(hack/controlplane/assets.sh)
results=docs/benchmarks/server.txt
mkdir -p "${results%/*}"
measured=$(mktemp)
trap 'rm -f "$measured"' EXIT
echo "date: $(date -u +%F)" >"$measured"
KUBEBUILDER_ASSETS=$assets go test -timeout=180m -run '^$' -bench '^BenchmarkServer$' ./test/bench/company/ | tee -a "$measured"
cp "$measured" "$results"
go run -C hack/figures . "$PWD/$results" "$PWD/docs/benchmarks/server.svg" "$PWD/docs/benchmarks.md"
