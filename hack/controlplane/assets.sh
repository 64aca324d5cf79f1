#!/usr/bin/env bash
# Prints the path of a directory that holds etcd, kube-apiserver and kubectl, and nothing else on standard output. In this order:
#
#   1. $KUBEBUILDER_ASSETS, if it is set and complete;
#   2. what an earlier run built;
#   3. what setup-envtest (pinned in hack/tools/go.mod) has or can fetch;
#   4. a build from source, from the Go module proxy alone, pinned and checked by go.mod and go.sum beside this script. It takes
#      about six minutes on two cores, once.
#
# It may run several times at once. Where the index of setup-envtest cannot be reached, the attempt ends after a few seconds.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binaries=(etcd kube-apiserver kubectl)
child=

say() { echo "control plane: $*" >&2; }

stop_child() {
	if [[ -n $child ]]; then
		kill "$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
	fi
}
trap stop_child EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

complete() {
	local binary
	for binary in "${binaries[@]}"; do
		[[ -x $1/$binary ]] || return 1
	done
}

# bounded SECONDS COMMAND... fails when the command does or when it takes longer. (There is no timeout(1) on macOS.)
bounded() {
	local deadline=$((SECONDS + $1))
	shift
	"$@" &
	child=$!
	while kill -0 "$child" 2>/dev/null; do
		if ((SECONDS >= deadline)); then
			stop_child
			child=
			return 1
		fi
		sleep 0.2
	done
	local status=0
	wait "$child" || status=$?
	child=
	return "$status"
}

# watched WHAT COMMAND... runs the command and says every ten seconds that it is still at it.
watched() {
	local what=$1 start=$SECONDS next=$((SECONDS + 10))
	shift
	"$@" &
	child=$!
	while kill -0 "$child" 2>/dev/null; do
		if ((SECONDS >= next)); then
			say "building $what, $((SECONDS - start)) s so far"
			next=$((SECONDS + 10))
		fi
		sleep 0.2
	done
	local status=0
	wait "$child" || status=$?
	child=
	((status == 0)) || return "$status"
	say "built $what in $((SECONDS - start)) s"
}

kubernetes_version() { go -C "$here" list -m -f '{{.Version}}' k8s.io/kubernetes; }

# fetched prints the directory of setup-envtest's binaries of the same minor version, if it has or can fetch them.
fetched() {
	local version=$1 tool=$2/setup-envtest minor path=$2/path log=$2/log
	minor=$(cut -d. -f1,2 <<<"${version#v}")
	go -C "$here/../tools" build -o "$tool" sigs.k8s.io/controller-runtime/tools/setup-envtest || return 1
	if ! bounded 30 "$tool" use --installed-only --print path "$minor.x" >"$path" 2>"$log"; then
		bounded 15 "$tool" list "$minor.x!" >/dev/null 2>"$log" || return 1
		say "fetching etcd, kube-apiserver and kubectl $minor with setup-envtest"
		bounded 600 "$tool" use --print path "$minor.x" >"$path" 2>"$log" || return 1
	fi
	complete "$(cat "$path")" || return 1
	cat "$path"
}

# build_into makes the binaries. The API server must be told its version, or clients cannot parse it.
build_into() {
	local version=$1 dir=$2 package flags="-s -w" numbers
	IFS=. read -ra numbers <<<"${version#v}"
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		flags+=" -X $package.gitVersion=$version -X $package.gitMajor=${numbers[0]} -X $package.gitMinor=${numbers[1]}"
		flags+=" -X $package.gitTreeState=clean"
	done
	local -x CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
	local build=(go -C "$here" build)
	watched "etcd (1 of 3)" "${build[@]}" -ldflags "-s -w" -o "$dir/etcd" go.etcd.io/etcd/server/v3 &&
		watched "kube-apiserver $version (2 of 3)" \
			"${build[@]}" -ldflags "$flags" -o "$dir/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver &&
		watched "kubectl $version (3 of 3)" \
			"${build[@]}" -ldflags "$flags" -o "$dir/kubectl" k8s.io/kubernetes/cmd/kubectl
}

# build makes the binaries in a folder beside the final one and renames that, so that nobody ever sees half of them.
build() {
	local version=$1 target=$2 work
	mkdir -p "$(dirname "$target")"
	exec 9>"$target.lock"
	if command -v flock >/dev/null; then
		flock --nonblock 9 || say "another run is building the binaries; waiting for it"
		flock 9
	fi
	complete "$target" && return
	work=$(mktemp -d "$target.XXXXXX")
	say "building etcd, kube-apiserver and kubectl from source; this takes some minutes, once"
	if ! build_into "$version" "$work"; then
		rm -rf "$work"
		say "the build failed"
		return 1
	fi
	if complete "$target"; then # without flock another run may have been faster
		rm -rf "$work"
		return
	fi
	rm -rf "$target"
	mv "$work" "$target"
}

main() {
	if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then
		complete "$KUBEBUILDER_ASSETS" && { echo "$KUBEBUILDER_ASSETS"; return; }
		say "KUBEBUILDER_ASSETS lacks one of ${binaries[*]}; looking elsewhere"
	fi
	local key target version scratch path
	key=$(cat "$here/go.mod" "$here/go.sum" "$here/assets.sh" | git hash-object --stdin)
	target=${XDG_CACHE_HOME:-$HOME/.cache}/scim-operator/controlplane/$key
	complete "$target" && { echo "$target"; return; }

	version=$(kubernetes_version)
	scratch=$(mktemp -d)
	path=$(fetched "$version" "$scratch") || say "setup-envtest has no binaries and cannot fetch them here; building from source instead"
	rm -rf "$scratch"
	if [[ -n $path ]]; then
		echo "$path"
		return
	fi
	build "$version" "$target" && echo "$target"
}

main
