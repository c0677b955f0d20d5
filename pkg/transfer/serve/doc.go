// Package serve hands out files by HTTPS and FTP, each to the clients that it is for: the server that phones fetch their
// software from. It knows nothing of phones or images.
//
// [New] listens by HTTPS and [NewFTP] by FTP. An [Offering] is a file and who may fetch it; its [Offer] says under which
// path, and by FTP with which login. How far the client got is a [Fetch]: bytes count when the client's system has
// confirmed them.
//
//	server, err := serve.New(serve.Options{Address: ":8443", Certificate: certificate})
//	...
//	defer server.Close()
//	offer := server.Offer(serve.Offering{Name: "cp600.bind", Content: content, Clients: []netip.Addr{phone}})
//	tell(phone, "https://192.0.2.1:8443"+offer.Path())
//
// What listens may be an address, or a [net.Listener] that is there already, in memory for one. All waiting is by package
// time, so that it runs in a bubble of testing/synctest; only the data connections of FTP are always sockets.
package serve
