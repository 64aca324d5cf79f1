#!/usr/bin/env bash
# Builds a folder of cmd into a file, as every release does: hack/build.sh NAME FILE. The result depends on the source, on Go's version and on
# GOOS and GOARCH, and on nothing else, so two builds of one revision are equal to the byte. VERSION and REVISION are what the binary says of
# itself (internal/build).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

package=github.com/scim-operator/scim-operator/internal/build
flags="-s -w -X $package.version=${VERSION:-} -X $package.revision=${REVISION:-}"
CGO_ENABLED=0 exec go build -trimpath -buildvcs=false -ldflags="$flags" -o "$2" "./cmd/$1"
