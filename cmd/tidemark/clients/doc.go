// Package clients holds two polling clients in TypeScript, written as a
// front-end developer would write them, from the public contract alone: one
// follows jobs until they are final, one keeps the counts on a page fresh. The
// test beside them type-checks them and runs them under Node against the real
// service. No Go program uses this package.
package clients
