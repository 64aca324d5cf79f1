#!/usr/bin/env bash
# Builds the operator twice for each of PLATFORMS (linux/amd64 linux/arm64), in two folders and from nothing, and fails unless both binaries are
# equal. It takes minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export VERSION=${VERSION:-v0.0.0} REVISION=${REVISION:-$(git rev-parse HEAD)}

# One copy of the source for both, because somebody may edit it meanwhile.
mkdir -p "$work/source"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory="$work/source"

for platform in ${PLATFORMS:-linux/amd64 linux/arm64}; do
	sums=()
	for folder in one another/and-deeper; do
		source=$work/$folder
		rm -rf "$source"
		mkdir -p "$(dirname "$source")"
		cp -r "$work/source" "$source"
		GOOS=${platform%/*} GOARCH=${platform#*/} GOCACHE=$source.cache "$source/hack/build.sh" scim-operator "$work/binary"
		rm -rf "$source.cache"
		sums+=("$(sha256sum <"$work/binary")")
		echo "$platform in $folder: ${sums[-1]%% *}"
	done
	if [[ ${sums[0]} != "${sums[1]}" ]]; then
		echo "the two builds for $platform differ" >&2
		exit 1
	fi
done
