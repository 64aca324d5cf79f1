// Package accounts decides who should have an account in an app, what the account looks like, and what is to be done about the one that is
// there. It is pure: users, roles and time go in, a decision comes out. The controllers read the cluster and the apps, and act.
package accounts
