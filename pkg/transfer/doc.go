// Package transfer puts a file on a server, by FTP, FTPS or HTTPS, and proves that it is there. It knows nothing of
// phones or images.
//
// [Access] holds the settings, in the words of the phones' own pages. [Dial] turns them into a [Store]; [Store.Put]
// sends one file:
//
//	store, err := transfer.Dial(ctx, access, transfer.Options{})
//	...
//	defer store.Close()
//	location, err := store.Put(ctx, transfer.Upload{Name: "cp600.bind", Content: content})
//
// The bytes go out and SHA-256 is computed in one pass, in constant memory. By FTP they go to a temporary name first,
// which becomes the file's when the size, and the digest where the server can tell it, is right. What fails leaves
// nothing behind; where that is impossible, [Error.Left] names it.
//
// Every connection has an idle limit, and a transfer that makes progress has no other. Certificates are always verified,
// by [Options.Trust]: against the system's authorities, stated ones, or pinned and known keys. The server that phones fetch
// from is package serve, below this one.
package transfer
