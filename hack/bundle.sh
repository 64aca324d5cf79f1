#!/usr/bin/env bash
# Writes the bundle for the Operator Lifecycle Manager from config, and checks it with the Operator Framework's validators: hack/bundle.sh [FOLDER].
# What it is built from is pinned in hack/bundle.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kubectl=$(hack/controlplane/assets.sh)/kubectl
rendered=$("$kubectl" kustomize config/default)
mkdir -p "${1:-bundle}"
folder=$(cd "${1:-bundle}" && pwd)
go run -C hack/bundle . "$PWD/config" "$folder" <<<"$rendered"
