//go:build !linux

package controlplane

import "syscall"

// childAttributes puts a child into its own process group, so that an interrupt at the terminal reaches only the parent, which
// stops its children in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
