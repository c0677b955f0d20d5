package badserver

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// httpStoredRows store something else than they were sent, and say that all is well.
func httpStoredRows() []HTTPSRow {
	changedRead := BendReply(func(answer string) string {
		head, body, _ := strings.Cut(answer, "\r\n\r\n")
		return head + "\r\n\r\n" + string(flip([]byte(body)))
	})
	return []HTTPSRow{
		on("https-stores-nothing", Store(func([]byte) []byte { return nil })),
		on("https-stores-empty", Store(func([]byte) []byte { return []byte{} })),
		on("https-stores-less", Store(func(content []byte) []byte { return content[:len(content)/2] })),
		on("https-stores-more", Store(func(content []byte) []byte { return append(content, '\n') })),
		on("https-stores-a-changed-byte", Store(flip)),
		onMethod("get-changed", http.MethodGet, changedRead),
		onMethod("get-404", http.MethodGet, func(x *Exchange) { x.Send(Response(http.StatusNotFound, "")) }),
		onMethod("get-cut", http.MethodGet, func(x *Exchange) {
			answer := x.Default()
			x.Send(answer[:len(answer)/2])
			x.Close()
		}),
		{Name: "https-stores-less-delete-refused", Faults: []HTTPFault{
			On(http.MethodPut, Store(func(content []byte) []byte { return content[:len(content)/2] })),
			On(http.MethodDelete, ReplyOnly(Response(http.StatusMethodNotAllowed, ""))),
		}},
	}
}

// headRows answer HEAD wrongly, though the file is stored.
func headRows() []HTTPSRow {
	head := func(name string, do Answer) HTTPSRow { return onMethod(name, http.MethodHead, do) }
	length := func(text string) Answer {
		return BendReply(func(answer string) string {
			if !strings.Contains(answer, " 200 ") {
				return answer
			}
			return header(withoutHeader(answer, "Content-Length"), "Content-Length: "+text)
		})
	}
	return []HTTPSRow{
		head("head-without-length", BendReply(func(answer string) string {
			if !strings.Contains(answer, " 200 ") {
				return answer
			}
			return withoutHeader(answer, "Content-Length")
		})),
		head("head-wrong-length", length("17")),
		head("head-zero-length", length("0")),
		head("head-negative-length", length("-1")),
		head("head-garbage-length", length("lots")),
		head("head-405", func(x *Exchange) { x.Send(Response(http.StatusMethodNotAllowed, "")) }),
		head("head-404", func(x *Exchange) { x.Send(Response(http.StatusNotFound, "")) }),
		head("head-403", func(x *Exchange) { x.Send(Response(http.StatusForbidden, "")) }),
		head("head-500", func(x *Exchange) { x.Send(Response(http.StatusInternalServerError, "")) }),
		head("head-302", func(x *Exchange) { x.Send(Response(http.StatusFound, "", "Location: /elsewhere")) }),
		head("head-cut", func(x *Exchange) { x.Close() }),
		head("head-with-body", BendReply(func(answer string) string { return answer + "a body that must not be" })),
		head("head-gzip", BendReply(func(answer string) string {
			return header(withoutHeader(answer, "Content-Length"), "Content-Encoding: gzip", "Content-Length: 20")
		})),
		{Name: "head-silent", Silent: true, Faults: []HTTPFault{On(http.MethodHead, func(x *Exchange) { x.Silence() })}},
		{Name: "head-405-and-get-405", Faults: []HTTPFault{
			On(http.MethodHead, func(x *Exchange) { x.Send(Response(http.StatusMethodNotAllowed, "")) }),
			On(http.MethodGet, func(x *Exchange) { x.Send(Response(http.StatusMethodNotAllowed, "")) }),
		}},
	}
}

// httpDigestRows tell the file's digest in answers to PUT and HEAD.
func httpDigestRows() []HTTPSRow {
	tell := func(name string, lines func(sum []byte) []string) HTTPSRow {
		do := func(x *Exchange) {
			answer := x.Default()
			if content, ok := x.s.file(x.Request.URL.Path); ok {
				sum := sha256.Sum256(content)
				answer = header(answer, lines(sum[:])...)
			}
			x.Send(answer)
		}
		return HTTPSRow{Name: name, Faults: []HTTPFault{On(http.MethodPut, do), On(http.MethodHead, do)}}
	}
	b64 := base64.StdEncoding.EncodeToString
	fixed := func(lines ...string) func([]byte) []string { return func([]byte) []string { return lines } }
	other := b64([]byte(strings.Repeat("x", 32)))
	return []HTTPSRow{
		tell("repr-digest-right", func(sum []byte) []string { return []string{"Repr-Digest: sha-256=:" + b64(sum) + ":"} }),
		tell("repr-digest-one-of-two", func(sum []byte) []string {
			return []string{fmt.Sprintf("Repr-Digest: md5=:AAAA:, sha-256=:%s:;x=1", b64(sum))}
		}),
		tell("repr-digest-with-parameters", func(sum []byte) []string {
			return []string{"Repr-Digest: sha-256=:" + b64(sum) + ":;x=1;y"}
		}),
		tell("repr-digest-in-second-line", func(sum []byte) []string {
			return []string{"Repr-Digest: md5=:AAAA:", "Repr-Digest: sha-256=:" + b64(sum) + ":"}
		}),
		tell("repr-digest-wrong-in-second-line", fixed("Repr-Digest: md5=:AAAA:", "Repr-Digest: sha-256=:"+other+":;x")),
		tell("repr-digest-wrong", fixed("Repr-Digest: sha-256=:"+other+":")),
		tell("repr-digest-malformed", fixed("Repr-Digest: sha-256=what?")),
		tell("repr-digest-too-short", fixed("Repr-Digest: sha-256=:AAAA:")),
		tell("repr-digest-other-algorithm", fixed("Repr-Digest: sha-512=:AAAA:")),
		tell("digest-right", func(sum []byte) []string { return []string{"Digest: SHA-256=" + b64(sum)} }),
		tell("digest-lower-case-name", func(sum []byte) []string { return []string{"digest: sha-256=" + b64(sum)} }),
		tell("digest-wrong", fixed("Digest: SHA-256="+other)),
		tell("digest-malformed", fixed("Digest: SHA-256 none today")),
		tell("both-digests-contradict", func(sum []byte) []string {
			return []string{"Repr-Digest: sha-256=:" + b64(sum) + ":", "Digest: SHA-256=" + other}
		}),
	}
}
