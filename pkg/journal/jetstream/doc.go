// Package jetstream keeps a journal in a stream of NATS JetStream: a [journal.Ledger] for several machines.
//
// There is one stream with one subject for each stream of the journal, and a message for each append. docs/sites.md says what
// the server needs. A stream that is not a journal, or that a newer program wrote, is never changed.
package jetstream
