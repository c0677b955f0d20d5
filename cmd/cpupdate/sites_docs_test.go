package main

import (
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/natstest"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// sitesBlock returns a block of docs/sites.md.
func sitesBlock(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "sites.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "```"+name+"\n")
	block, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatalf("docs/sites.md has no block %s", name)
	}
	return block
}

// protectedServer starts a server with the configuration of docs/sites.md, and returns what the page's commands name: address and files.
func protectedServer(t *testing.T, folder string) (url string, files map[string]string) {
	t.Helper()
	authority := testca.NewAuthority(t)
	certificate := authority.Issue(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, nil })
	files = map[string]string{}
	write := func(name string, content []byte) string {
		files[name] = filepath.Join(folder, name)
		if err := os.WriteFile(files[name], content, 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.ToSlash(files[name])
	}
	write("ca.pem", authority.PEM())
	config := sitesBlock(t, "conf nats-server")
	replace := map[string]string{
		`"0.0.0.0:4222"`: `"127.0.0.1:-1"`, "/var/lib/nats": filepath.ToSlash(filepath.Join(folder, "store")),
		"/etc/nats/server.pem": write("server.pem", testca.CertificatePEM(&certificate)), "/etc/nats/server.key": write("server.key", testca.KeyPEM(t, &certificate)),
	}
	for _, name := range []string{"centre", "berlin", "paris", "rome"} {
		pair, err := nkeys.CreateUser()
		if err != nil {
			t.Fatal(err)
		}
		public, err1 := pair.PublicKey()
		seed, err2 := pair.Seed()
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		write(name+".nk", seed)
		replace["nkey: U"+strings.ToUpper(name)] = "nkey: " + public
	}
	for old, value := range replace {
		config = strings.ReplaceAll(config, old, value)
	}
	o, err := server.ProcessConfigFile(write("nats-server.conf", []byte(config)))
	if err != nil {
		t.Fatal(err)
	}
	o.NoLog, o.NoSigs = true, true
	return "tls://" + natstest.Run(t, o).Addr().String(), files
}

// TestDocsSites runs the commands of docs/sites.md with a server that has the configuration of that page, and simulated phones.
func TestDocsSites(t *testing.T) {
	t.Parallel()
	s := newSites(t, 6, "berlin", "paris", "rome")
	url, files := protectedServer(t, s.folder)
	files["tls://centre.example"], files["cp600.bind"], files["sites.csv"] = url, s.image, s.list
	certificate, key := clitest.ServiceFiles(t)
	for line := range strings.Lines(sitesBlock(t, "sh sites")) {
		words := strings.Fields(line)[1:]
		for i, word := range words {
			if file, known := files[word]; known {
				words[i] = file
			}
		}
		if words[1] == "work" {
			w := s.start(append(words, "--service-cert", certificate, "--service-key", key, "--listen", "127.0.0.1:0", "--contact-interval", "100ms", "--probe-interval", "50ms", "--patience", "1m")...)
			w.until("waits for a rollout")
			continue
		}
		if words[1] == "plan" {
			words = append(words, "--pause", "none")
		}
		if r := runHere(t, nil, words...); r.code != exit.CodeOK {
			t.Fatalf("%s: exit code %d\n%s%s", line, r.code, r.out, r.errOut)
		} else if words[1] == "run" || words[1] == "status" {
			saysAll(t, r.out, "rollout spring: done")
		}
	}
	attackSites(t, url, files)
	s.agree()
}

// attackSites tries with the login of Berlin to take the work of Paris, and to change images.
func attackSites(t *testing.T, url string, files map[string]string) {
	t.Helper()
	centre := natstest.Open(t, jetstream.Options{URL: url, CA: files["ca.pem"], Creds: files["centre.nk"]})
	state := func() (text string) {
		for _, name := range []string{"cpupdate-work", "OBJ_cpupdate-images"} {
			stream, err := centre.JetStream().Stream(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			now := stream.CachedInfo().State
			text += strings.Join([]string{name, now.LastTime.String()}, " ") + string(rune('0'+now.Msgs)) + string(rune('0'+now.Consumers))
		}
		return text
	}
	before := state()
	login, err := nats.NkeyOptionFromSeed(files["berlin.nk"])
	if err != nil {
		t.Fatal(err)
	}
	denied := make(chan error, 100)
	conn, err := nats.Connect(url, login, nats.RootCAs(files["ca.pem"]), nats.CustomInboxPrefix("cpupdate.inbox.berlin"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, subject := range []string{
		"cpupdate.work.paris.spring", "$JS.API.CONSUMER.MSG.NEXT.cpupdate-work.paris", "$JS.API.CONSUMER.INFO.cpupdate-work.paris", "$JS.ACK.cpupdate-work.paris.1.1.1.1.0",
		"$JS.API.CONSUMER.CREATE.cpupdate-work.x.cpupdate.work.paris.*", "$JS.API.CONSUMER.CREATE.cpupdate-work.berlin.cpupdate.work.berlin.*", "$JS.API.CONSUMER.DELETE.cpupdate-work.paris",
		"$JS.API.STREAM.PURGE.cpupdate-work", "$JS.API.STREAM.DELETE.OBJ_cpupdate-images", "$JS.API.STREAM.PURGE.OBJ_cpupdate-images", "$JS.API.STREAM.MSG.DELETE.OBJ_cpupdate-images",
		"$O.cpupdate-images.M.x", "$O.cpupdate-images.C.x", "$JS.API.CONSUMER.CREATE.OBJ_cpupdate-images.x",
	} {
		if err := conn.PublishRequest(subject, conn.NewInbox(), []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := <-denied; !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), subject) {
			t.Errorf("%s: %v", subject, err)
		}
	}
	if after := state(); after != before {
		t.Errorf("%s, and then %s", before, after)
	}
}
