// Package rollout brings images to a named set of phones: in waves, within limits and windows. What comes next is decided by
// [Plan.Decide], which reads no clock: it follows from the plan, from what the journal says of every phone, and from a time that it is
// given. An [Engine] carries that out, records it, and leaves it to a [Crew] to contact the phones.
package rollout
