package store_test

import (
	"github.com/scim-operator/scim-operator/internal/server"
	"github.com/scim-operator/scim-operator/internal/store"
)

// The SCIM server declares what it needs; neither package imports the other outside of tests.
var _ server.Store = (*store.Store)(nil)
