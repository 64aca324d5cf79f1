#!/usr/bin/env bash
# Prints the path of a directory that holds express4 and express5, each a scimmy server with what it needs, and nothing else on standard
# output. In this order:
#
#   1. $SCIMMY_DIR, if it is set and complete;
#   2. what an earlier run fetched;
#   3. the npm packages that hack/scimmy/*/package-lock.json names, which npm fetches and checks. Node.js and npm have to be installed.
#
# It may run several times at once.
set -euo pipefail

sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/scimmy" && pwd)
servers=(express4 express5)

say() { echo "scimmy: $*" >&2; }

complete() {
	local server
	for server in "${servers[@]}"; do
		[[ -f $1/$server/server.js && -d $1/$server/node_modules/scimmy ]] || return 1
	done
}

# fetch_into fills a directory that will be renamed to its final name.
fetch_into() {
	local tree=$1 server
	for server in "${servers[@]}"; do
		mkdir "$tree/$server"
		cp "$sources/$server/package.json" "$sources/$server/package-lock.json" "$sources/server.js" "$tree/$server/"
		say "fetching the packages of $server"
		(cd "$tree/$server" && npm ci --ignore-scripts --no-audit --no-fund >&2) || return 1
	done
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
	complete "$target" && return
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		say "there is no Node.js or no npm here; install both (Debian: nodejs and npm), or set SCIMMY_DIR"
		return 1
	fi
	work=$(mktemp -d "$target.XXXXXX")
	if ! fetch_into "$work"; then
		rm -rf "$work"
		say "it cannot be fetched"
		return 1
	fi
	rm -rf "$target"
	mv "$work" "$target"
}

main() {
	if [[ -n ${SCIMMY_DIR:-} ]]; then
		complete "$SCIMMY_DIR" && { echo "$SCIMMY_DIR"; return; }
		say "SCIMMY_DIR lacks one of ${servers[*]}; looking elsewhere"
	fi
	local target version
	version=$(cat "${BASH_SOURCE[0]}" "$sources/server.js" "$sources"/*/package*.json | git hash-object --stdin)
	target=${XDG_CACHE_HOME:-$HOME/.cache}/scim-operator/scimmy/$version
	complete "$target" || fetch "$target"
	echo "$target"
}

main
