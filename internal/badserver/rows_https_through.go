package badserver

import "net/http"

// httpThroughRows write what arrives to the file at once, and fail then.
func httpThroughRows() []HTTPSRow {
	through := func(name string, do Answer, more ...HTTPFault) HTTPSRow {
		faults := append([]HTTPFault{WriteThrough, On(http.MethodPut, do)}, more...)
		return HTTPSRow{Name: "through-" + name, Faults: faults}
	}
	no := func(status int) string { return Response(status, "no\n") }
	// keep has only the first bytes of the file kept.
	keep := func(status int) Answer {
		return func(x *Exchange) {
			x.Read(1000)
			x.file = &openFile{s: x.s} // the rest goes nowhere
			x.Read(-1)
			x.Send(no(status))
		}
	}
	cutOff := func(x *Exchange) {
		x.Read(Some)
		x.Close()
	}
	refuse := func(method string) HTTPFault { return On(method, ReplyOnly(Response(http.StatusForbidden, ""))) }
	rows := []HTTPSRow{
		{Name: "through-well-behaved", Faults: []HTTPFault{WriteThrough}},
		through("507-keeps-some", keep(http.StatusInsufficientStorage)),
		through("507-keeps-some-and-delete-403", keep(http.StatusInsufficientStorage), refuse(http.MethodDelete)),
		{Name: "through-cut-once-then-403-and-delete-403", Faults: []HTTPFault{
			WriteThrough, OnFirst(1, http.MethodPut, cutOff), refuse(http.MethodPut), refuse(http.MethodDelete),
		}},
		through("504-keeps-all", ReplyOnly(no(http.StatusGatewayTimeout))),
		through("504-keeps-some", keep(http.StatusGatewayTimeout)),
		through("403-keeps-all", ReplyOnly(no(http.StatusForbidden))),
		through("413-half-way", Refuse(Some, true, no(http.StatusRequestEntityTooLarge))),
		through("cut", cutOff),
		through("cut-and-delete-403", cutOff, refuse(http.MethodDelete)),
		through("cut-and-head-403", cutOff, refuse(http.MethodHead)),
		{Name: "through-stall", Silent: true, Faults: []HTTPFault{WriteThrough, On(http.MethodPut, func(x *Exchange) {
			x.Read(Some)
			x.Stall()
		})}},
	}
	return rows
}

// httpDripRows give an answer that comes slowly and never ends.
func httpDripRows() []HTTPSRow {
	full := "HTTP/1.1 507 Insufficient Storage\r\n"
	stored := func(x *Exchange) {
		x.Default()
		Drip("HTTP/1.1 201 Created\r\nContent-Length: 1000000\r\n\r\n", ".")(x)
	}
	rows := []HTTPSRow{
		on("drip-507-body", Drip(full+"Content-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n", "no ")),
		on("drip-507-chunks", Drip(full+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n")),
		on("drip-201-body", stored),
		on("drip-head-of-put", Drip(full, "X-More: and more\r\n")),
		onMethod("drip-head-of-head", http.MethodHead, Drip("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n")),
		onMethod("drip-status-line", http.MethodHead, Drip("HTTP/1.1 200 ", "x")),
	}
	for i := range rows {
		rows[i].Silent = true
	}
	return rows
}
