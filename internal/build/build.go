// Package build says what the running binary was built from.
package build

import (
	"runtime"
	"runtime/debug"
)

// Info is what the Go runtime knows of a binary.
type Info struct {
	// Version is that of the module, "(devel)" for a build that is no release.
	Version string
	// Revision is the commit, empty where the build did not know it.
	Revision string
	// GoVersion is that of the compiler.
	GoVersion string
}

// Read asks the Go runtime.
func Read() Info {
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
