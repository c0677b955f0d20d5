// Package realservers starts real servers on loopback for tests: vsftpd, ProFTPD and Pure-FTPd by FTP and FTPS, nginx
// by HTTPS. A [Proxy] in front of one cuts, stalls or refuses connections.
//
// .ci/servers puts the servers where [Find] looks. Servers run on Linux and need root; where one cannot be started the
// test is skipped, or fails if CI is set in the environment.
//
//	server := realservers.Start(t, realservers.VSFTPD, realservers.Options{TLS: true})
//	store, err := transfer.Dial(t.Context(), server.Access, transfer.Options{Trust: server.Trust()})
//
// What a server cannot do, Start ends the test for. The FTP servers work as user nobody, confined to the folder; nginx
// works as root. The answers to what is refused:
//
//	             vsftpd          ProFTPD        Pure-FTPd        nginx
//	TLS          reuse demanded  the same       reuse not asked  always
//	ReadOnly     550             550            553, by mode     403
//	NoOverwrite  553, by mode    550            553, by mode     412, PUT only
//	  renaming   550, by mode    550            451, by mode
//	Deny         any: 550        most: 550      RNFR, RNTO: 550  DELETE, MOVE, MKCOL: 405
//	FullDisk     451             451            451              500, and leaves a file of its own
//	Hash         no              yes            no               no
//
// By mode means that the folder is somebody else's, with mode 0755, or 1777 for NoOverwrite: then nobody can write new
// files, rename and remove them, but files of [Server.Place] stay as they are.
//
// What to know of TLS: a client must read a data connection to its end before it closes it. With TLS 1.3 the server's
// session tickets may lie there unread; then the kernel resets the connection, and vsftpd loses the end of the file.
// Go resumes TLS 1.2 by session tickets only, which ProFTPD gives out only if it is told to: with MaxTLS12 it takes no
// data connection from a client in Go (425).
package realservers
