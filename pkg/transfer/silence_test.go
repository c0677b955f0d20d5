package transfer_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// TestSilentServer checks how long a server that fell silent is given afterwards: 2 s to say on a new connection whether it has a
// file of which it got the last byte, and 5 s to remove one.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	for name, row := range map[string]struct {
		takes    int64         // so much of the file before it is silent
		greets   time.Duration // how late it greets on each new connection
		succeeds bool
		removed  bool
	}{
		"a part, and it greets in time":                   {takes: size / 2, greets: 4500 * time.Millisecond, removed: true},
		"a part, and it greets late":                      {takes: size / 2, greets: 5500 * time.Millisecond},
		"all of it, and it greets in time":                {takes: size, greets: 1500 * time.Millisecond, succeeds: true},
		"all of it, and it greets in time for a removal":  {takes: size, greets: 2500 * time.Millisecond, removed: true},
		"all of it, and it greets late for a removal too": {takes: size, greets: 5500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &dripServer{t: t, network: memnet.New()}
				var connections atomic.Int64
				var removed atomic.Bool
				s.listen(dripAddress, func(c net.Conn) {
					if connections.Add(1) == 1 {
						answers := ftpAnswers("SIZE", "550 no such file\r\n", "LIST", "550 no\r\n")
						ftpTalk(c, answers, map[string]func(net.Conn){"STOR": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }})
						return
					}
					time.Sleep(row.greets)
					answers := ftpAnswers("SIZE", fmt.Sprintf("213 %d\r\n", size), "RNFR", "350 go\r\n", "RNTO", "250 ok\r\n", "DELE", "250 gone\r\n")
					ftpTalk(c, answers, map[string]func(net.Conn){"DELE": func(net.Conn) { removed.Store(true) }})
				})
				s.listen(dripData, func(c net.Conn) {
					_, _ = io.CopyN(io.Discard, smallBuffers(c), row.takes)
					time.Sleep(time.Minute) // longer than the client waits
				})
				a := transfer.Access{Method: transfer.FTP, Server: "192.0.2.1", Port: 8443, Username: "u", Password: secret.New("p")}
				o := transfer.Options{Timeout: dripLimit, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					c, err := s.network.Dial(ctx, network, address)
					if err != nil {
						return nil, err
					}
					return smallBuffers(c), nil
				}}
				_, err := put(t.Context(), a, o, upload(content(size)))
				if row.succeeds {
					if err != nil || removed.Load() {
						t.Errorf("removed %v: %v", removed.Load(), err)
					}
					return
				}
				e := (*transfer.Error)(nil)
				if !errors.As(err, &e) || e.Kind != transfer.KindTimeout || (e.Left == "") != row.removed || removed.Load() != row.removed {
					t.Errorf("removed %v: %v", removed.Load(), err)
				}
			})
		})
	}
}

// TestSlowAnswers checks that the steps after the file have the limit of a step, not the short one of cleaning up; and that an
// interrupt is not waited out with them.
func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	const size = 1 << 10
	slow := 2 * dripLimit // of each answer
	for name, row := range map[string]struct {
		method     transfer.Method
		interrupts bool // when the server has the request that it answers slowly
		try        bool
		steps      time.Duration // how many steps are answered slowly
		left       bool          // the server had no time to say what it has
	}{
		"ftp":               {method: transfer.FTP, steps: 2},
		"ftp: a trial":      {method: transfer.FTP, try: true, steps: 6},
		"ftp: Ctrl-C":       {method: transfer.FTP, interrupts: true, left: true},
		"https: a trial":    {method: transfer.HTTPS, try: true, steps: 1},
		"https: Ctrl-C too": {method: transfer.HTTPS, try: true, interrupts: true, left: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				certificate := testca.NewAuthority(t).Issue(nil)
				s := &dripServer{t: t, config: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, network: memnet.New()}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				begun, sizes := make(chan struct{}, 10), make(chan int64, 1)
				wait := func() {
					begun <- struct{}{}
					time.Sleep(slow)
				}
				if row.interrupts {
					go func() {
						<-begun
						cancel()
					}()
				}
				s.listen(dripAddress, func(c net.Conn) {
					if row.method == transfer.FTP {
						slowFTP(c, sizes, wait)
						return
					}
					slowRemoval(s.secure(c), wait)
				})
				s.listen(dripData, func(c net.Conn) {
					if n, _ := io.Copy(io.Discard, c); n > 0 { // it was not opened for a listing
						sizes <- n
					}
				})
				a := transfer.Access{Method: row.method, Server: "192.0.2.1", Port: 8443, Username: "u", Password: secret.New("p")}
				o := transfer.Options{Trust: trust.Policy{Pins: []trust.Pin{trust.PinOf(certificate.Leaf)}}, Timeout: 3 * dripLimit, Dial: s.network.Dial}
				start := time.Now()
				err := func() error {
					if !row.try {
						_, err := put(ctx, a, o, upload(content(size)))
						return err
					}
					store, err := transfer.Dial(ctx, a, o)
					if err != nil {
						return err
					}
					defer store.Close()
					return store.Try(ctx)
				}()
				took := time.Since(start)
				e := (*transfer.Error)(nil)
				switch {
				case !row.interrupts && (err != nil || took < row.steps*slow || took > row.steps*slow+slow/2):
					t.Errorf("after %v: %v", took, err)
				case row.interrupts && (!errors.As(err, &e) || (e.Left != "") != row.left || took > slow):
					t.Errorf("after %v: %v", took, err)
				}
			})
		})
	}
}

// slowFTP answers by FTP, and renames, looks for what was renamed, and removes after wait. sizes tells how long files are.
func slowFTP(c net.Conn, sizes <-chan int64, wait func()) {
	files, temporary := map[string]int64{}, ""
	_, _ = io.WriteString(c, "220 ready\r\n")
	for in := bufio.NewScanner(c); in.Scan(); {
		verb, name, _ := strings.Cut(in.Text(), " ")
		answer, ok := ftpAnswers("LIST", "550 no\r\n", "SIZE", "550 no such file\r\n", "RNFR", "350 go\r\n", "RNTO", "250 ok\r\n", "DELE", "250 gone\r\n")[verb]
		size, there := files[name]
		switch {
		case !ok:
			answer = "502 no\r\n"
		case verb == "STOR":
			_, _ = io.WriteString(c, "150 go\r\n")
			temporary, files[name], answer = name, <-sizes, "226 done\r\n"
		case verb == "RNTO":
			wait()
			files[name] = files[temporary]
			delete(files, temporary)
		case there && name != temporary:
			wait()
			fallthrough
		case there:
			if verb == "SIZE" {
				answer = fmt.Sprintf("213 %d\r\n", size)
			}
		}
		_, _ = io.WriteString(c, answer)
	}
}

// slowRemoval answers by HTTPS, and removes after wait.
func slowRemoval(c net.Conn, wait func()) {
	var file []byte
	for in := bufio.NewReader(c); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		answer := badserver.Response(http.StatusNotFound, "")
		switch {
		case r.Method == http.MethodPut:
			file, _ = io.ReadAll(r.Body)
			answer = badserver.Response(http.StatusCreated, "")
		case r.Method == http.MethodDelete:
			wait()
			answer = badserver.Response(http.StatusOK, "")
		case file != nil:
			answer = badserver.Response(http.StatusOK, string(file))
			if r.Method == http.MethodHead {
				answer = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(file))
			}
		}
		_, _ = io.WriteString(c, answer)
	}
}

// TestNoSecondConnection loses the connection to a server that knows no sizes while it is asked for the file that it was sent: asking it by
// renaming takes another connection, which it refuses.
func TestNoSecondConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &dripServer{t: t, network: memnet.New()}
		var connections atomic.Int64
		s.listen(dripAddress, func(c net.Conn) {
			switch connections.Add(1) {
			case 1:
				answers := ftpAnswers("LIST", "550 no\r\n", "RNFR", "550 no such file\r\n")
				ftpTalk(c, answers, map[string]func(net.Conn){"STOR": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }})
			case 2:
				renaming := false
				_, _ = io.WriteString(c, "220 ready\r\n")
				for in := bufio.NewScanner(c); in.Scan(); {
					verb, name, _ := strings.Cut(in.Text(), " ")
					answer, ok := ftpAnswers("LIST", "550 no\r\n", "RNFR", "550 no such file\r\n")[verb]
					switch {
					case !ok:
						answer = "502 no\r\n"
					case verb == "RNFR" && strings.Contains(name, "cp600"):
						renaming, answer = true, "350 go\r\n"
					case renaming && verb == "TYPE":
						answer = "503 RNTO is next\r\n"
					}
					_, _ = io.WriteString(c, answer)
				}
			default:
				_, _ = io.WriteString(c, "421 too many connections\r\n")
			}
		})
		s.listen(dripData, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		a := transfer.Access{Method: transfer.FTP, Server: "192.0.2.1", Port: 8443, Username: "u", Password: secret.New("p")}
		u := upload(content(1000))
		u.Name = "cp600.bind"
		_, err := put(t.Context(), a, transfer.Options{Timeout: dripLimit, Dial: s.network.Dial}, u)
		if e := (*transfer.Error)(nil); !errors.As(err, &e) || e.Kind != transfer.KindTimeout || e.Left == "" || connections.Load() < 3 {
			t.Errorf("%d connections: %v", connections.Load(), err)
		}
	})
}
