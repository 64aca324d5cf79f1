// Package apps keeps people's accounts in downstream apps: for each AppConnection it runs an engine with a queue, a rate limit, a breaker and a guard of
// its own, so that an app that is down holds up nobody else, and keeps the status of AppConnections and AppAccounts
// (docs/design/0007-apps.md).
package apps
