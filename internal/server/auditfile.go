package server

import (
	"errors"
	"fmt"
	"os"
	"time"

	"k8s.io/utils/clock"
)

// auditFileCheck is how often a write looks whether the file is still the one of that name.
const auditFileCheck = time.Second

// AuditFile is a file that lines are appended to. When it was moved away or deleted, a new one is made of the same name within a second
// of the next line, so that it can be rotated by renaming and needs no signal; one that was emptied in its place is written on from its
// start. It is for one writer at a time.
type AuditFile struct {
	path    string
	clock   clock.PassiveClock
	file    *os.File
	checked time.Time
}

// OpenAuditFile opens a file for appending, and makes it, readable by its owner alone, if there is none. A nil clock means the real one.
func OpenAuditFile(path string, c clock.PassiveClock) (*AuditFile, error) {
	if c == nil {
		c = clock.RealClock{}
	}
	f := &AuditFile{path: path, clock: c}
	return f, f.open()
}

func (f *AuditFile) open() error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the audit log: %w", err)
	}
	f.file, f.checked = file, f.clock.Now()
	return nil
}

// Write implements io.Writer.
func (f *AuditFile) Write(line []byte) (int, error) {
	if f.file == nil || f.clock.Since(f.checked) >= auditFileCheck {
		if err := f.follow(); err != nil {
			return 0, err
		}
	}
	return f.file.Write(line)
}

// follow opens the file of the name if it is not the one that is open.
func (f *AuditFile) follow() error {
	if f.file == nil {
		return f.open()
	}
	present, err := os.Stat(f.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("looking for the audit log: %w", err)
	}
	opened, openedErr := f.file.Stat()
	if err == nil && openedErr == nil && os.SameFile(present, opened) {
		f.checked = f.clock.Now()
		return nil
	}
	closing := f.Close()
	return errors.Join(f.open(), closing)
}

// Close implements io.Closer.
func (f *AuditFile) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	if err != nil {
		return fmt.Errorf("closing the audit log: %w", err)
	}
	return nil
}
