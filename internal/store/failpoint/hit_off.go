//go:build !failpoints

package failpoint

// Enabled says whether this build can fail on purpose.
const Enabled = false

// Hit marks one side of a write. In this build it does nothing.
func Hit(Point, When) {}
