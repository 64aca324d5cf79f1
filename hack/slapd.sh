#!/usr/bin/env bash
# Prints the path of a directory that holds slapd, and nothing else on standard output. Its schemas and modules are found from there, where
# Debian has them: in etc/ldap/schema and usr/lib/ldap of the same tree. In this order:
#
#   1. $SLAPD_BIN, if it is set and has a slapd;
#   2. where Debian installs it;
#   3. what an earlier run fetched;
#   4. Debian's packages of slapd and of what it needs and is not installed, which apt-get fetches and checks, and which are unpacked and not
#      installed. It takes no rights, and starts no service as installing would.
#
# It may run several times at once.
set -euo pipefail

say() { echo "slapd: $*" >&2; }

complete() { [[ -x $1/slapd ]]; }

# installed prints the directory of an installed server that has its schemas and its modules.
installed() {
	[[ -x /usr/sbin/slapd && -r /etc/ldap/schema/nis.schema && -r /usr/lib/ldap/ppolicy.la ]] && echo /usr/sbin
}

# packages prints the names of what has to be fetched: apt-get knows what is installed.
packages() {
	local uris
	uris=$(apt-get install --print-uris --yes --quiet --no-install-recommends slapd) || return 1
	sed -n "s/^'[^']*' \([^_ ]*\)_[^ ]*\.deb .*/\1/p" <<<"$uris"
}

# fetch_into unpacks the packages into a directory that will be renamed to its final name, and puts a program there that finds the
# libraries among them.
fetch_into() {
	local tree=$1 final=$2 names=() package
	mapfile -t names < <(packages)
	if ((${#names[@]} == 0)); then
		say "apt-get has no slapd; install OpenLDAP's server or set SLAPD_BIN"
		return 1
	fi
	say "fetching ${names[*]}"
	mkdir "$tree/packages"
	(cd "$tree/packages" && apt-get download --quiet "${names[@]}" >&2) || return 1
	for package in "$tree"/packages/*.deb; do
		dpkg -x "$package" "$tree" || return 1
	done
	rm -rf "$tree/packages"
	mkdir -p "$tree/bin"
	printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$final/usr/lib/$(uname -m)-linux-gnu" "$final/usr/sbin/slapd" >"$tree/bin/slapd"
	chmod 0755 "$tree/bin/slapd" "$tree"
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
		say "there is no slapd here, and no apt-get to fetch one; install OpenLDAP's server or set SLAPD_BIN"
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

main() {
	if [[ -n ${SLAPD_BIN:-} ]]; then
		complete "$SLAPD_BIN" && { echo "$SLAPD_BIN"; return; }
		say "SLAPD_BIN has no slapd; looking elsewhere"
	fi
	installed && return
	local target
	target=${XDG_CACHE_HOME:-$HOME/.cache}/scim-operator/slapd/$(git hash-object "${BASH_SOURCE[0]}")
	complete "$target/bin" || fetch "$target"
	echo "$target/bin"
}

main
