// Package rawlog is JetStream as such: embedded as the product embeds it, in the
// same storage, without the product. What it can store and deliver is what the
// product's rates are compared with. It also writes logs of known content fast,
// because it may leave out fsync where nothing that is written must survive.
package rawlog
