// Package build says what the running binary was built from.
package build

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// hack/build.sh has the linker set these, because what the go command stamps into a binary depends on the folder that it runs in.
var version, revision string

// Info is what is known of a binary.
type Info struct {
	// Version is that of the release or the module, "(devel)" for a build that is neither.
	Version string
	// Revision is the commit, empty where the build did not know it.
	Revision string
	// GoVersion is that of the compiler.
	GoVersion string
}

// Read says what the linker was told, and asks the Go runtime for what it was not.
func Read() Info {
	info := stamped()
	info.Version, info.Revision = cmp.Or(version, info.Version), cmp.Or(revision, info.Revision)
	return info
}

// stamped is what the go command put into the binary.
func stamped() Info {
	info := Info{Version: "(devel)", GoVersion: runtime.Version()}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	if build.Main.Version != "" {
		info.Version = build.Main.Version
	}
	for _, setting := range build.Settings {
		if setting.Key == "vcs.revision" {
			info.Revision = setting.Value
		}
	}
	return info
}
