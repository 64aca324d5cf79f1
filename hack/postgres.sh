#!/usr/bin/env bash
# Prints the path of a directory that holds initdb and postgres, and nothing else on standard output. In this order:
#
#   1. $POSTGRES_BIN, if it is set and complete;
#   2. PostgreSQL 15 where Debian installs it, or else any that is installed;
#   3. what an earlier run fetched;
#   4. Debian's packages of PostgreSQL 15 and of what it needs and is not installed, which apt-get fetches and checks, and which are
#      unpacked and not installed. It takes no rights.
#
# It may run several times at once. PostgreSQL does not run as root, and nobody else can read root's home, so root keeps what it fetches in
# /var/cache.
set -euo pipefail

major=15
binaries=(initdb postgres)

say() { echo "postgres: $*" >&2; }

complete() {
	local binary
	for binary in "${binaries[@]}"; do
		[[ -x $1/$binary ]] || return 1
	done
}

# installed prints the directory of an installed server of that version, or else of the newest one.
installed() {
	local dir path
	for dir in "/usr/lib/postgresql/$major/bin" $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV); do
		complete "$dir" && { echo "$dir"; return; }
	done
	path=$(command -v postgres) || return 1
	complete "$(dirname "$path")" && dirname "$path"
}

# packages prints the names of what has to be fetched: apt-get knows what is installed.
packages() {
	local uris
	uris=$(apt-get install --print-uris --yes --quiet --no-install-recommends "postgresql-$major") || return 1
	sed -n "s/^'[^']*' \([^_ ]*\)_[^ ]*\.deb .*/\1/p" <<<"$uris"
}

# wrap puts a program beside the others that finds its libraries in the unpacked tree.
wrap() {
	local tree=$1 final=$2 binary=$3
	local libraries="$final/usr/lib/$(uname -m)-linux-gnu"
	mkdir -p "$tree/bin"
	printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$libraries" "$final/usr/lib/postgresql/$major/bin/$binary" >"$tree/bin/$binary"
	chmod 0755 "$tree/bin/$binary"
}

# fetch_into unpacks the packages into a directory that will be renamed to its final name.
fetch_into() {
	local tree=$1 final=$2 names=() package binary
	mapfile -t names < <(packages)
	if ((${#names[@]} == 0)); then
		say "apt-get has no postgresql-$major; install PostgreSQL or set POSTGRES_BIN"
		return 1
	fi
	say "fetching ${names[*]}"
	mkdir "$tree/packages"
	(cd "$tree/packages" && apt-get download --quiet "${names[@]}" >&2) || return 1
	for package in "$tree"/packages/*.deb; do
		dpkg -x "$package" "$tree" || return 1
	done
	rm -rf "$tree/packages"
	for binary in "${binaries[@]}"; do
		wrap "$tree" "$final" "$binary"
	done
	chmod 0755 "$tree"
}

# fetch works in a directory beside the final one and renames that, so that nobody ever sees half of it.
fetch() {
	local target=$1 work
	mkdir -p "$(dirname "$target")"
	exec 9>"$target.lock"
	if command -v flock >/dev/null; then
		flock --nonblock 9 || say "another run is fetching it; waiting for that"
		flock 9
	fi
	complete "$target/bin" && return
	if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
		say "there is no PostgreSQL here, and no apt-get to fetch one; install it or set POSTGRES_BIN"
		return 1
	fi
	work=$(mktemp -d "$target.XXXXXX")
	if ! fetch_into "$work" "$target"; then
		rm -rf "$work"
		say "it cannot be fetched"
		return 1
	fi
	rm -rf "$target"
	mv "$work" "$target"
}

cache() {
	if [[ -n ${XDG_CACHE_HOME:-} ]]; then
		echo "$XDG_CACHE_HOME"
	elif ((EUID == 0)); then
		echo /var/cache
	else
		echo "$HOME/.cache"
	fi
}

main() {
	if [[ -n ${POSTGRES_BIN:-} ]]; then
		complete "$POSTGRES_BIN" && { echo "$POSTGRES_BIN"; return; }
		say "POSTGRES_BIN lacks one of ${binaries[*]}; looking elsewhere"
	fi
	installed && return
	local target
	target=$(cache)/scim-operator/postgres/$major-$(git hash-object "${BASH_SOURCE[0]}")
	complete "$target/bin" || fetch "$target"
	echo "$target/bin"
}

main
