// Package writing measures how fast things become durable: single commands over
// HTTP, in a crowd and alone, and the bulk way in, beside what the same disk, the
// same log and other stores do with the same events. Whatever is acknowledged is
// looked for afterwards, once each.
package writing
