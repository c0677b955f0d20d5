// Package memnet is a TCP network that exists only in memory, for tests.
//
// Connections behave as those of Linux on one machine: they are buffered, have deadlines, can be closed in one
// direction, and end with a reset when they are closed after SetLinger(0) or with unread data. Addresses are
// [net.TCPAddr] values, and errors are [net.OpError] values with the errno values that the system would return. Its
// tests run every case on real loopback connections too.
//
// Nothing in it waits but on channels, condition variables and timers. Within a bubble of testing/synctest all of its
// waiting is therefore durably blocking, and time is virtual. A [Network] belongs to the bubble in which it was made.
package memnet
