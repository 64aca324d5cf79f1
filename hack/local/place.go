package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// place is where everything lives.
type place struct {
	root string // of the module
	dir  string
}

// findPlace looks for the module root above the working directory; dir replaces the folder .local in it unless it is empty.
func findPlace(dir string) (place, error) {
	root, err := os.Getwd()
	if err != nil {
		return place{}, fmt.Errorf("find the module root: %w", err)
	}
	for {
		_, err := os.Stat(filepath.Join(root, "go.mod"))
		if err == nil {
			break
		}
		if filepath.Dir(root) == root {
			return place{}, errors.New("find the module root: no go.mod above the working directory")
		}
		root = filepath.Dir(root)
	}
	if dir == "" {
		dir = filepath.Join(root, ".local")
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return place{}, fmt.Errorf("folder %s: %w", dir, err)
	}
	return place{root: root, dir: dir}, nil
}

func (p place) bin(name string) string { return filepath.Join(p.dir, "bin", name) }
func (p place) logs() string           { return filepath.Join(p.dir, "logs") }

// data is what the running processes need; it is removed when they stop.
func (p place) data() string { return filepath.Join(p.dir, "data") }

// lock is held by the supervisor as long as it lives.
func (p place) lock() string       { return filepath.Join(p.dir, "lock") }
func (p place) env() string        { return filepath.Join(p.dir, "env") }
func (p place) state() string      { return filepath.Join(p.dir, "state.json") }
func (p place) kubeconfig() string { return filepath.Join(p.dir, "kubeconfig") }
func (p place) authority() string  { return filepath.Join(p.dir, "ca.crt") }

// supervisorLog is where the supervisor says what it does.
func (p place) supervisorLog() string { return filepath.Join(p.logs(), "supervisor.log") }

// config is a folder below config of the module.
func (p place) config(name string) string { return filepath.Join(p.root, "config", name) }
