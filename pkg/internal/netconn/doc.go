// Package netconn is one network connection as every package that talks to servers and phones needs it: [Conn] has an
// idle limit, [Conn.HoldFailedWrites] lets net/http hear an answer that comes before the whole request is sent, and [Classify]
// says how a connection failed.
package netconn
