// Package inprocess measures the read model without HTTP: looking counters up and
// answering a request by the number of videos, how much memory one thing of each
// kind takes, and how long the collector stops the process.
//
// The tables are filled through the log and the fold, as in the service, so that
// nothing is measured that a service would not have.
package inprocess
