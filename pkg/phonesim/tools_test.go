package phonesim_test

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// documented is the guide's form; items are name, value, name, value.
func documented(nonce, action string, items ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><DLSMessage xmlns="http://www.siemens.com/DLS"><Message nonce="` + nonce + `"><Action>` +
		action + `</Action>` + itemList(items...) + `</Message></DLSMessage>`
}

func itemList(items ...string) string {
	if len(items) == 0 {
		return ""
	}
	list := "<ItemList>"
	for i := 0; i < len(items); i += 2 {
		name, index, _ := strings.Cut(items[i], "#")
		list += `<Item name="` + name + `"`
		if index != "" {
			list += ` index="` + index + `"`
		}
		list += `>` + items[i+1] + `</Item>`
	}
	return list + "</ItemList>"
}

func httpAnswer(body string, headers ...string) string {
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	return head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// contact asks a phone to call, by POST, and returns the whole answer.
func contact(t *world, phone string, to string) string {
	t.Helper()
	form := url.Values{"ContactMe": {"true"}}
	if host, port, err := net.SplitHostPort(to); err == nil {
		form.Set("dls_ip_addr", host)
		form.Set("dls_ip_port", port)
	}
	return request(t, phone, "POST /contact_dls.html/ContactDLS HTTP/1.1\r\nHost: "+phone+"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "+
		strconv.Itoa(len(form.Encode()))+"\r\nConnection: close\r\n\r\n"+form.Encode())
}

// request sends text and returns what comes back until the connection ends.
func request(t *world, address, text string) string {
	t.Helper()
	conn, err := t.dial(address)
	fatal(t, err)
	defer conn.Close()
	return exchange(t, conn, text)
}

func exchange(t *world, conn net.Conn, text string) string {
	t.Helper()
	fatal(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err := io.WriteString(conn, text)
	fatal(t, err)
	answer, err := io.ReadAll(conn)
	if err != nil {
		return string(answer) + "(" + err.Error() + ")"
	}
	return string(answer)
}

const acknowledged = "HTTP/1.1 204 " + "No Content\r\nContent-Length: 0\r\nContent-type: text/html\r\nServer: DlsClient\r\n\r\n"

func solicit(t *world, phone string, s *service) call {
	t.Helper()
	if got := contact(t, phone, s.address()); got != acknowledged {
		t.Fatalf("the phone answers %q", got)
	}
	return s.expect("solicited")
}
