// Package postgres keeps people's accounts in a PostgreSQL server of version 13 or later: login roles, and their memberships in roles that
// somebody else made. It is a connector of package connector; nothing but its tests imports it.
//
// An account bears its owner's mark in its comment, as the first line; a comment that somebody else wrote is kept behind it. The mark
// also lists the roles that the connector gave, so that it takes away no other. Each account is changed in one transaction, under an
// advisory lock of its owner, so that two controllers that work on one account do so one after the other.
//
// The connector signs in as a role that has CREATEROLE and is a member of pg_signal_backend, and need not be a superuser. On PostgreSQL 16
// and later it also needs ADMIN OPTION on the roles that it gives, and on the accounts that it adopts. It never touches a role with the
// attributes SUPERUSER, CREATEROLE, CREATEDB, REPLICATION or BYPASSRLS, a role whose name begins with pg_, its own, and those that
// [Options] protect; and it gives nobody a role that leads to one of these attributes.
package postgres
