// Package rollout decides how images get onto a named set of phones: in waves, within limits and windows. It contacts no phone
// and reads no clock; what it decides follows from the plan, from what the journal says of every phone, and from a time that it
// is given.
package rollout
