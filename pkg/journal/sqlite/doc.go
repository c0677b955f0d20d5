// Package sqlite keeps a journal in a file: a [journal.Ledger] in SQLite.
//
// The schema is documented in docs/journal.md. Several processes may use one file at a time. A file that is not a journal,
// that is damaged, or that a newer program wrote is never changed.
package sqlite
