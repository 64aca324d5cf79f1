#!/usr/bin/env bash
# Writes the archives of kubectl-scim for PLATFORMS, their checksums and the manifest for krew into a folder: hack/plugins.sh FOLDER URL. URL is
# where the archives will be. VERSION, for example v0.1.0, and REVISION are what the plugin says of itself. Two runs over one revision write
# the same bytes: the archives have the time SOURCE_DATE_EPOCH, by default that of the commit, and nobody's name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mkdir -p "$1"
folder=$(cd "$1" && pwd) url=$2
: "${VERSION:?}" "${REVISION:?}"
export VERSION REVISION
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$folder/scim.yaml" <<END
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: scim
spec:
  version: $VERSION
  homepage: https://github.com/scim-operator/scim-operator
  shortDescription: Work with scim-operator
  description: |
    Makes and rotates the tokens of identity providers, says who may do what and why, shows what removals wait for an approval, and takes over
    users and bindings that were there before scim-operator.
  platforms:
END
: >"$folder/checksums.txt"
for platform in ${PLATFORMS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64}; do
	os=${platform%/*} arch=${platform#*/} binary=kubectl-scim
	[[ $os == windows ]] && binary=kubectl-scim.exe
	archive=kubectl-scim_${VERSION}_${os}_${arch}.tar.gz
	rm -f "$work"/*
	GOOS=$os GOARCH=$arch hack/build.sh kubectl-scim "$work/$binary"
	cp LICENSE "$work/"
	tar --create --directory="$work" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw,a-s . |
		gzip --no-name --best >"$folder/$archive"
	sum=$(sha256sum <"$folder/$archive")
	echo "${sum%% *}  $archive" >>"$folder/checksums.txt"
	cat >>"$folder/scim.yaml" <<END
    - selector:
        matchLabels:
          os: $os
          arch: $arch
      uri: $url/$archive
      sha256: ${sum%% *}
      bin: $binary
END
done
