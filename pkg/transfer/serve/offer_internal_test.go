package serve

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// A move is something that happens to a request of a client.
type move struct {
	request  int
	from, to int64 // it begins, if to is not 0
	resumes  bool
	sent     int64 // how many bytes have gone out since it began
	took     int64 // how many of them the client has confirmed
	ends     bool
}

// TestFetchInParts checks what counts as fetched of a client that ends a connection early and goes on with another: its later
// requests show what it has.
func TestFetchInParts(t *testing.T) {
	t.Parallel()
	const size = 100
	begin := func(request int, from, to int64) move { return move{request: request, from: from, to: to} }
	resume := func(request int, from int64) move { return move{request: request, from: from, to: size, resumes: true} }
	moved := func(request int, sent, took int64) move { return move{request: request, sent: sent, took: took} }
	ends := func(request int) move { return move{request: request, ends: true} }
	type end struct {
		sent                   int64
		complete, perhaps, cut bool
	}
	for name, row := range map[string]struct {
		moves []move
		want  end
	}{
		"whole":                            {[]move{begin(1, 0, 100), moved(1, 100, 100), ends(1)}, end{100, true, false, false}},
		"cut":                              {[]move{begin(1, 0, 100), moved(1, 60, 50), ends(1)}, end{50, false, false, true}},
		"cut when all had gone out":        {[]move{begin(1, 0, 100), moved(1, 100, 50), ends(1)}, end{50, false, true, true}},
		"goes on":                          {[]move{begin(1, 0, 100), moved(1, 60, 50), ends(1), resume(2, 58), moved(2, 42, 42), ends(2)}, end{100, true, false, false}},
		"goes on before the first ends":    {[]move{begin(1, 0, 100), moved(1, 60, 50), resume(2, 58), ends(1), moved(2, 42, 42), ends(2)}, end{100, true, false, false}},
		"goes on, and the first ends last": {[]move{begin(1, 0, 100), moved(1, 60, 50), resume(2, 58), moved(2, 42, 42), ends(2), ends(1)}, end{100, true, false, false}},
		"goes on twice":                    {[]move{begin(1, 0, 100), moved(1, 40, 20), ends(1), resume(2, 35), moved(2, 40, 20), ends(2), resume(3, 70), moved(3, 30, 30), ends(3)}, end{100, true, false, false}},
		"goes on, and is cut":              {[]move{begin(1, 0, 100), moved(1, 60, 50), ends(1), resume(2, 58), moved(2, 20, 10), ends(2)}, end{68, false, false, true}},
		"two halves at a time":             {[]move{begin(1, 0, 50), begin(2, 50, 100), moved(1, 50, 50), moved(2, 50, 50), ends(2), ends(1)}, end{100, true, false, false}},
		"the first ends where the second began": {
			[]move{begin(1, 0, 100), resume(2, 50), moved(1, 60, 40), moved(2, 50, 50), ends(2), ends(1)}, end{90, false, true, false},
		},
		"the same, and the second ends last": {
			[]move{begin(1, 0, 100), resume(2, 50), moved(1, 60, 40), ends(1), moved(2, 50, 50), ends(2)}, end{90, false, true, false},
		},
		"the first ends before where the second began": {
			[]move{begin(1, 0, 100), begin(2, 50, 100), moved(1, 45, 40), moved(2, 50, 50), ends(2), ends(1)}, end{90, false, false, true},
		},
		"four parts, each ended early": {[]move{
			begin(1, 0, 100), begin(2, 25, 100), begin(3, 50, 100), begin(4, 75, 100),
			moved(4, 25, 25), ends(4), moved(3, 30, 20), ends(3), moved(2, 30, 20), ends(2), moved(1, 30, 20), ends(1),
		}, end{85, false, true, false}},
		"an older part":      {[]move{resume(1, 40), moved(1, 60, 60), ends(1)}, end{60, false, true, false}},
		"an older part, cut": {[]move{resume(1, 40), moved(1, 60, 50), ends(1)}, end{50, false, true, true}},
		"an older part, then from the start": {
			[]move{resume(1, 40), moved(1, 10, 10), ends(1), begin(2, 0, 100), moved(2, 100, 100), ends(2)}, end{100, true, false, false},
		},
		"an older part, which it fetches after all, cut": {
			[]move{resume(1, 95), moved(1, 5, 5), ends(1), begin(2, 0, 100), moved(2, 30, 30), ends(2)}, end{35, false, false, true},
		},
		"an older part, resumed earlier": {
			[]move{resume(1, 60), moved(1, 10, 10), ends(1), resume(2, 40), moved(2, 60, 60), ends(2)}, end{60, false, true, false},
		},
		"the end alone":     {[]move{begin(1, 95, 100), moved(1, 5, 5), ends(1)}, end{5, false, false, false}},
		"again, and cut":    {[]move{begin(1, 0, 100), moved(1, 100, 60), ends(1), begin(2, 0, 100), moved(2, 30, 30), ends(2)}, end{60, false, false, true}},
		"whole, again, cut": {[]move{begin(1, 0, 100), moved(1, 100, 100), ends(1), begin(2, 0, 100), moved(2, 30, 30), ends(2)}, end{100, true, false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &registry{offers: map[string]*Offer{}}
			o := r.add(Offering{Name: "x", Content: io.NewSectionReader(bytes.NewReader(make([]byte, size)), 0, size)}, "key", "/", secret.Secret{})
			requests := map[int]*request{}
			for _, m := range row.moves {
				q := requests[m.request]
				switch {
				case m.to > 0:
					q, err := o.begin(m.resumes)
					if err != nil {
						t.Fatal(err)
					}
					requests[m.request] = q
					if err := q.attach(nil, span{m.from, m.to}); err != nil {
						t.Fatal(err)
					}
				case m.ends:
					q.end()
				default:
					q.tried.Store(m.sent)
					q.out.Store(m.sent)
					q.progress(m.sent - m.took)
				}
			}
			f := o.State()
			if got := (end{f.Sent, f.Complete, f.Perhaps, f.Cut}); got != row.want || f.Open != 0 {
				t.Errorf("%+v, want %+v", f, row.want)
			}
		})
	}
}

// TestWithout checks that a part is taken out of others.
func TestWithout(t *testing.T) {
	t.Parallel()
	s := spans(nil).with(span{0, 10}).with(span{20, 30})
	for part, want := range map[span]int64{{0, 30}: 0, {5, 25}: 10, {2, 3}: 19, {10, 20}: 20, {40, 50}: 20} {
		if got := s.without(part).total(); got != want {
			t.Errorf("%v: %d, want %d", part, got, want)
		}
	}
}

// TestAskedPart checks how a range is read, and which ranges say that a client has what lies before, of 10 bytes.
func TestAskedPart(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]struct {
		field                   string // what is left for the HTTP server
		resumes, later, nothing bool
	}{
		"":                                 {},
		"bytes=5-":                         {field: "bytes=5-", resumes: true, later: true},
		"bytes=0-":                         {field: "bytes=0-", resumes: true, later: true},
		"bytes=10-":                        {field: "bytes=10-", resumes: true, later: true, nothing: true},
		"Bytes=5-":                         {field: "bytes=5-", resumes: true, later: true},
		" BYTES = 5 - ":                    {field: "bytes=5-", resumes: true, later: true},
		"bytes=5-9":                        {field: "bytes=5-9", resumes: true},
		"bytes=5-900":                      {field: "bytes=5-900", resumes: true},
		"bytes=5-8":                        {field: "bytes=5-8"},
		"bytes=-5":                         {field: "bytes=-5"},
		"bytes=5-,7-":                      {},
		"bytes=0-1,3-4":                    {},
		"items=5-":                         {},
		"x=5-":                             {},
		"bytes=-":                          {},
		"bytes=a-":                         {},
		"bytes 5-9/10":                     {},
		"bytes=" + "99999999999999999999-": {},
	} {
		h := http.Header{}
		h.Set("Range", header)
		p := askedPart(h)
		if got := h.Get("Range"); got != want.field || p.resumes(10, true) != want.resumes || p.resumes(10, false) != want.later || p.nothing(10) != want.nothing {
			t.Errorf("%q: %q %+v", header, got, p)
		}
	}
}

// TestShown checks that no line that is shown holds the secret part of a path.
func TestShown(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("0a1B", 8)
	encoded := strings.ReplaceAll(token, "1", "%31")
	for _, line := range []string{"GET /" + token + "/x HTTP/1.1", "/./" + token + "/x", "POST /a/" + encoded + "/x", "GET /" + encoded, "GET https://h/" + token + "/x"} {
		if got := shown(line); strings.Contains(got, token[4:]) || strings.Contains(got, encoded[4:]) || !strings.Contains(got, "/0a1B...") {
			t.Errorf("%q is shown as %q", line, got)
		}
	}
	for _, line := range []string{"GET /100%/x HTTP/1.1", "POST /DeploymentService/LoginService"} {
		if got := shown(line); got != line {
			t.Errorf("%q is shown as %q", line, got)
		}
	}
}
