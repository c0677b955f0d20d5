// Package journal is the durable record of what was done to phones: events, the state that follows from them, and what a
// later run does about it.
//
// A journal consists of streams of events. Each phone of a rollout has a stream, and the rollout itself has one more. A stream
// only grows. The state of a phone is a fold over its stream ([State.Apply]) and is kept nowhere else.
//
// Two rules make a stop at any moment harmless:
//
//   - The barrier: an event of a kind with [Kind.Barrier] is durable before the step that it announces. [Writer.Barrier]
//     returns when it is.
//   - The fence: [Ledger.Append] names the last event of the stream that the caller knows, and fails with [ErrConflict] if the
//     stream has a later one. Two processes therefore cannot drive one phone: the second one lets go of it.
//
// A [Ledger] keeps the streams. Package sqlite below this one keeps them in a file.
//
// Nothing secret is in a journal: no type has a field for it.
package journal
