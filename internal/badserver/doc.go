// Package badserver holds FTP, FTPS and HTTPS servers for tests that misbehave on demand. They live in memory, on
// 127.0.0.1, and end with the test.
//
// Without faults the servers behave well. A [Fault] changes what the FTP server does at one step of the dialogue, an
// [HTTPFault] what the HTTPS server does with a request; [FTPRows] and [HTTPSRows] are all that tests usually want,
// by name. The servers keep a [Log] of what they were sent and of how each connection ended.
package badserver
