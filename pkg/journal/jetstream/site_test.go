package jetstream_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// example is a server with the configuration of docs/sites.md.
type example struct {
	server *server.Server
	url    string
	ca     string
	creds  map[string]string // file, by user
	public map[string]string // key, by user
}

// user makes a pair of keys: the public one, and a file with the private one.
func user(t *testing.T, folder, name string) (public, file string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err1 := pair.PublicKey()
	seed, err2 := pair.Seed()
	file = filepath.Join(folder, name+".nk")
	if err := errors.Join(err1, err2, os.WriteFile(file, append(seed, '\n'), 0o600)); err != nil {
		t.Fatal(err)
	}
	return public, file
}

// page returns the configuration that docs/sites.md shows.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "sites.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```conf nats-server\n")
	config, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("docs/sites.md shows no configuration")
	}
	return config
}

// parse returns the options of the configuration of docs/sites.md, with files and keys of the test.
func parse(t *testing.T, replace map[string]string) *server.Options {
	t.Helper()
	config := page(t)
	for old, replacement := range replace {
		if strings.Count(config, old) != 1 {
			t.Fatalf("docs/sites.md does not have %s once", old)
		}
		config = strings.Replace(config, old, replacement, 1)
	}
	path := filepath.Join(t.TempDir(), "nats-server.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o.NoLog, o.NoSigs = true, true
	return o
}

// fromPage starts a server with the configuration of docs/sites.md.
func fromPage(t *testing.T) example {
	t.Helper()
	e, o := prepare(t)
	e.start(t, o)
	return e
}

// start starts the server.
func (e *example) start(t *testing.T, o *server.Options) {
	t.Helper()
	e.server = run(t, o)
	e.url = "tls://" + e.server.Addr().String()
}

// prepare returns the configuration of docs/sites.md, and what belongs to it.
func prepare(t *testing.T) (example, *server.Options) {
	t.Helper()
	folder := t.TempDir()
	authority := testca.NewAuthority(t)
	certificate := authority.Issue(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, nil })
	e := example{ca: filepath.Join(folder, "ca.pem"), creds: map[string]string{}, public: map[string]string{}}
	cert, key := filepath.Join(folder, "server.pem"), filepath.Join(folder, "server.key")
	err := errors.Join(os.WriteFile(e.ca, authority.PEM(), 0o600), os.WriteFile(cert, testca.CertificatePEM(&certificate), 0o600), os.WriteFile(key, testca.KeyPEM(t, &certificate), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{`"0.0.0.0:4222"`: `"127.0.0.1:-1"`, "/var/lib/nats": filepath.ToSlash(filepath.Join(folder, "store")), "/etc/nats/server.pem": filepath.ToSlash(cert), "/etc/nats/server.key": filepath.ToSlash(key)}
	for _, name := range []string{"centre", "berlin", "paris", "rome"} {
		public, file := user(t, folder, name)
		replace["nkey: U"+strings.ToUpper(name)] = "nkey: " + public
		e.public[name], e.creds[name] = public, file
	}
	o := parse(t, replace)
	if !o.SyncAlways {
		t.Error("docs/sites.md does not synchronise")
	}
	return e, o
}

// open opens the journal as a user.
func (e example) open(t *testing.T, name string) *jetstream.Ledger {
	t.Helper()
	return open(t, e.options(name))
}

// options returns what a user connects with.
func (e example) options(name string) jetstream.Options {
	o := jetstream.Options{URL: e.url, CA: e.ca, Creds: e.creds[name], Wait: long}
	if name != "centre" {
		o.Site = name
	}
	return o
}

var parisKey = journal.Key{Rollout: "spring", Phone: "paris/192.0.2.7"}

// TestSites has a centre and two sites with the permissions of docs/sites.md: each does its own work.
func TestSites(t *testing.T) {
	e := fromPage(t)
	centre := e.open(t, "centre")
	if _, err := journal.Create(t.Context(), centre, "spring", journaltest.At(0), journal.Planned{Phones: 2}); err != nil {
		t.Fatal(err)
	}
	listed := map[journal.Key]journal.Seq{}
	for _, k := range []journal.Key{key, parisKey} {
		site, _ := jetstream.Split(k.Phone)
		seq, err := centre.Append(t.Context(), k, 0, journaltest.Event(0, journal.Listed{Address: "192.0.2.7", Site: site}))
		if err != nil {
			t.Fatal(err)
		}
		listed[k] = seq
	}
	for k, seq := range listed {
		site, _ := jetstream.Split(k.Phone)
		l := e.open(t, site)
		if got := len(journaltest.List(t, l.Read(t.Context(), k))); got != 1 {
			t.Errorf("%s reads %d events of its phone", site, got)
		}
		if _, err := l.Append(t.Context(), k, seq, journaltest.Event(1, journal.Reported{Device: journal.Device{MAC: "00:1A:E8:12:34:56"}})); err != nil {
			t.Errorf("%s: %v", site, err)
		}
		if got := len(journaltest.List(t, l.ReadAll(t.Context(), "spring"))); got != 3 {
			t.Errorf("%s reads %d events of the rollout", site, got)
		}
		if got := journaltest.List(t, l.Rollouts(t.Context(), journal.Filter{})); len(got) != 1 || got[0].Name != "spring" {
			t.Errorf("%s sees the rollouts %v", site, got)
		}
		for _, name := range []string{"192.0.2.7", "001ae8123456"} {
			if got := journaltest.List(t, l.Find(t.Context(), name)); len(got) != 1 || got[0] != k {
				t.Errorf("%s finds %v", site, got)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		seen := 0
		for _, err := range l.Watch(ctx, "spring", 0) {
			if err != nil {
				break
			}
			if seen++; seen == 3 {
				stop()
			}
		}
		stop()
		if seen != 3 {
			t.Errorf("%s watches %d events", site, seen)
		}
	}
	if got := len(journaltest.List(t, centre.ReadAll(t.Context(), "spring"))); got != 5 {
		t.Errorf("the centre reads %d events", got)
	}
	if got := journaltest.List(t, centre.Find(t.Context(), "192.0.2.7")); len(got) != 2 {
		t.Errorf("the centre finds %v", got)
	}
}

// TestSiteByLedger uses the ledger of a site for what belongs to another: each call says what the account may not do.
func TestSiteByLedger(t *testing.T) {
	e := fromPage(t)
	centre := e.open(t, "centre")
	if _, err := journal.Create(t.Context(), centre, "spring", journaltest.At(0), journal.Planned{Phones: 2}); err != nil {
		t.Fatal(err)
	}
	add(t, centre, parisKey, 0, "1")
	berlin := e.open(t, "berlin")
	asParis := e.options("berlin")
	asParis.Site = "paris"
	_, openErr := jetstream.Open(t.Context(), asParis)
	asCentre := e.options("berlin")
	asCentre.Site = ""
	_, centreErr := jetstream.Open(t.Context(), asCentre)
	_, append1 := berlin.Append(t.Context(), parisKey, 0, note("2"))
	for what, test := range map[string]struct {
		err  error
		want string
	}{
		"write to another's phone": {append1, `the account of this worker may not write `},
		"read another's phone":     {firstError(berlin.Read(t.Context(), parisKey)), `the account of this worker may not read phone "paris/192.0.2.7" of rollout "spring"`},
		"open as another site":     {openErr, `the account of this worker is not the one of the site "paris"`},
		"open as the centre":       {centreErr, "the account of this worker is not the one of the centre"},
	} {
		if !errors.Is(test.err, journal.ErrDenied) || !strings.Contains(fmt.Sprint(test.err), test.want) {
			t.Errorf("%s: %v, want %s", what, test.err, test.want)
		}
	}
	if got := texts(t, centre, parisKey); got != "1" {
		t.Errorf("the phone of Paris has %s", got)
	}
}

// attacker is a client of NATS with the login of a site.
type attacker struct {
	t    *testing.T
	conn *nats.Conn
}

// attack connects with a login.
func attack(t *testing.T, e example, login nats.Option) attacker {
	t.Helper()
	conn, err := nats.Connect(e.url, login, nats.RootCAs(e.ca), nats.CustomInboxPrefix("cpupdate.inbox.berlin"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return attacker{t, conn}
}

// send sends a message and does not wait for an answer. What was sent before an answered request was handled before it.
func (a attacker) send(subject, reply string, header nats.Header, data string) {
	a.t.Helper()
	if err := a.conn.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Header: header, Data: []byte(data)}); err != nil {
		a.t.Fatal(err)
	}
}

// ours are the events that the site may read.
const ours = "cpupdate.journal.*.berlin.*"

// consumer asks for a consumer by the subject for our own events, and returns the server's answer and its name.
func (a attacker) consumer(filter, deliver string) (answer, name string) {
	a.t.Helper()
	name = nats.NewInbox()[len("_INBOX."):]
	config := map[string]any{"name": name, "filter_subject": filter, "ack_policy": "none", "deliver_policy": "all", "inactive_threshold": time.Minute}
	if deliver != "" {
		config["deliver_subject"] = deliver
	}
	body, err := json.Marshal(map[string]any{"stream_name": jetstream.Stream, "config": config})
	if err != nil {
		a.t.Fatal(err)
	}
	m, err := a.conn.Request("$JS.API.CONSUMER.CREATE."+jetstream.Stream+"."+name+"."+ours, body, long)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(m.Data), name
}

// TestAttacks tries with the login of Berlin to write, forge, read and remove what belongs to Paris and to the centre, by hand.
// Afterwards everything is as it was. The logins are a key, as docs/sites.md has it, and a .creds file with the same permissions.
func TestAttacks(t *testing.T) {
	t.Parallel()
	t.Run("key", func(t *testing.T) {
		e := fromPage(t)
		login, err := nats.NkeyOptionFromSeed(e.creds["berlin"])
		if err != nil {
			t.Fatal(err)
		}
		attacks(t, e, login)
	})
	t.Run("creds", func(t *testing.T) {
		e := fromOperator(t)
		attacks(t, e, nats.UserCredentials(e.creds["berlin"]))
	})
}

func attacks(t *testing.T, e example, login nats.Option) {
	centre := e.open(t, "centre")
	if _, err := journal.Create(t.Context(), centre, "spring", journaltest.At(0), journal.Planned{Phones: 2}); err != nil {
		t.Fatal(err)
	}
	paris := add(t, centre, parisKey, 0, "theirs")
	add(t, centre, key, 0, "own")
	a := attack(t, e, login)
	subscribed, err := a.conn.SubscribeSync("cpupdate.inbox.paris.>")
	everything, err2 := a.conn.SubscribeSync("cpupdate.>")
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	event := `[{"at":"2026-03-29T00:59:00Z","kind":"note","data":{"text":"forged"}}]`
	last := func(seq journal.Seq) nats.Header { return fenced(fmt.Sprint(uint64(seq) / 1024)) }
	for _, subject := range []string{
		"cpupdate.journal.spring.paris.192_0_2_7", "cpupdate.journal.spring.paris.new", "cpupdate.format", "cpupdate.journal.spring.=.a",
		"cpupdate.journal.spring.berlin.a.b", "cpupdate.name.paris.192_0_2_7.spring.a", "cpupdate.inbox.paris.x", "$KV.cpupdate.wave",
	} {
		a.send(subject, a.conn.NewInbox(), last(paris), event)
		a.send(subject, a.conn.NewInbox(), nil, event)
	}
	for _, call := range []string{
		"STREAM.DELETE", "STREAM.PURGE", "STREAM.UPDATE", "STREAM.INFO", "STREAM.MSG.GET", "STREAM.MSG.DELETE", "DIRECT.GET", "CONSUMER.NAMES", "CONSUMER.LIST", "STREAM.SNAPSHOT", "CONSUMER.CREATE", "STREAM.LEADER.STEPDOWN",
	} {
		a.send("$JS.API."+call+"."+jetstream.Stream, a.conn.NewInbox(), nil, "")
		a.send("$JS.API."+call+"."+jetstream.Stream, a.conn.NewInbox(), nil, `{"seq":2,"filter":"cpupdate.journal.spring.paris.*"}`)
	}
	a.send("$JS.API.DIRECT.GET."+jetstream.Stream+".cpupdate.journal.spring.paris.192_0_2_7", a.conn.NewInbox(), nil, "")
	a.send("$JS.API.CONSUMER.CREATE."+jetstream.Stream+".all", a.conn.NewInbox(), nil, `{"stream_name":"cpupdate-journal","config":{"name":"all","ack_policy":"none"}}`)
	a.send("$JS.API.STREAM.CREATE.steal", a.conn.NewInbox(), nil, `{"name":"steal","sources":[{"name":"cpupdate-journal"}]}`)

	for what, answer := range map[string]func() (string, string){
		"a filter that is not the one of the subject": func() (string, string) { return a.consumer("cpupdate.journal.*.paris.*", "") },
		"events delivered as those of Paris":          func() (string, string) { return a.consumer(ours, "cpupdate.journal.spring.paris.192_0_2_7") },
		"events delivered as those of the rollout":    func() (string, string) { return a.consumer(ours, "cpupdate.journal.spring.rollout") },
		"events delivered as a call of the server":    func() (string, string) { return a.consumer(ours, "$JS.API.STREAM.DELETE."+jetstream.Stream) },
	} {
		if got, _ := answer(); !strings.Contains(got, `"error"`) {
			t.Errorf("%s: %s", what, got)
		}
	}
	// A pull whose answer goes to Paris: the server keeps the subject that the message has.
	_, name := a.consumer(ours, "")
	for _, reply := range []string{"cpupdate.journal.spring.paris.192_0_2_7", "cpupdate.journal.spring.rollout", "$JS.API.STREAM.DELETE." + jetstream.Stream} {
		a.send("$JS.API.CONSUMER.MSG.NEXT."+jetstream.Stream+"."+name, reply, nil, "1")
	}
	_, _ = a.consumer(ours, "") // answered: what was sent before was handled

	if got := texts(t, centre, parisKey); got != "theirs" {
		t.Errorf("the phone of Paris has %s", got)
	}
	add(t, centre, parisKey, paris, "goes on")
	if got := len(journaltest.List(t, centre.Read(t.Context(), journal.Key{Rollout: "spring"}))); got != 1 {
		t.Errorf("the rollout has %d events", got)
	}
	for _, subscription := range []*nats.Subscription{subscribed, everything} {
		if pending, _, _ := subscription.Pending(); pending > 0 {
			t.Errorf("it reads %d messages on %s", pending, subscription.Subject)
		}
	}
	if got := journaltest.List(t, centre.Rollouts(t.Context(), journal.Filter{})); len(got) != 1 {
		t.Errorf("rollouts: %v", got)
	}
	if got := journaltest.List(t, centre.Find(t.Context(), "paris/192.0.2.7")); len(got) != 1 || got[0] != parisKey {
		t.Errorf("found: %v", got)
	}
}

// fromOperator starts a server with operators and JWTs: the users have the permissions of docs/sites.md, and .creds files.
func fromOperator(t *testing.T) example {
	t.Helper()
	e, o := prepare(t)
	users := o.Nkeys
	o.Nkeys, o.Accounts = nil, nil
	operator, operatorKey := identity(t, nkeys.CreateOperator)
	account, accountKey := identity(t, nkeys.CreateAccount)
	system, _ := identity(t, nkeys.CreateAccount)
	claims := jwt.NewAccountClaims(account)
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	resolver := &server.MemAccResolver{}
	for key, claims := range map[string]*jwt.AccountClaims{account: claims, system: jwt.NewAccountClaims(system)} {
		text, err := claims.Encode(operatorKey)
		if err == nil {
			err = resolver.Store(key, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	o.TrustedOperators = []*jwt.OperatorClaims{jwt.NewOperatorClaims(operator)}
	o.AccountResolver, o.SystemAccount = resolver, system
	for name := range e.creds {
		public, key := identity(t, nkeys.CreateUser)
		claims := jwt.NewUserClaims(public)
		for _, one := range users {
			if one.Nkey == e.public[name] && one.Permissions != nil {
				claims.Pub.Allow, claims.Sub.Allow = one.Permissions.Publish.Allow, one.Permissions.Subscribe.Allow
			}
		}
		text, err1 := claims.Encode(accountKey)
		seed, err2 := key.Seed()
		creds, err3 := jwt.FormatUserConfig(text, seed)
		e.creds[name] += ".creds"
		if err := errors.Join(err1, err2, err3, os.WriteFile(e.creds[name], creds, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	e.start(t, o)
	return e
}

// identity makes a pair of keys.
func identity(t *testing.T, create func() (nkeys.KeyPair, error)) (string, nkeys.KeyPair) {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public, pair
}

// TestTLS connects to servers that are not the right ones, and with logins that are not.
func TestTLS(t *testing.T) {
	e := fromPage(t)
	plain := start(t)
	centre := e.options("centre")
	with := func(change func(*jetstream.Options)) jetstream.Options {
		o := centre
		change(&o)
		return o
	}
	_, stranger := user(t, t.TempDir(), "stranger")
	for name, test := range map[string]struct {
		options jetstream.Options
		kind    error
		text    string
	}{
		"no CA":                   {with(func(o *jetstream.Options) { o.CA = "" }), journal.ErrUnreachable, "certificate"},
		"another name":            {with(func(o *jetstream.Options) { o.URL = strings.Replace(o.URL, "127.0.0.1", "localhost", 1) }), journal.ErrUnreachable, "certificate"},
		"TLS, and it has none":    {with(func(o *jetstream.Options) { o.URL, o.Creds = "tls://"+plain.Addr().String(), "" }), journal.ErrUnreachable, "secure connection not available"},
		"no login":                {with(func(o *jetstream.Options) { o.Creds = "" }), journal.ErrDenied, "refuses the login"},
		"a login of nobody":       {with(func(o *jetstream.Options) { o.Creds = stranger }), journal.ErrDenied, "refuses the login"},
		"nats://, and it has TLS": {with(func(o *jetstream.Options) { o.URL = strings.Replace(o.URL, "tls:", "nats:", 1) }), nil, ""},
	} {
		l, err := jetstream.Open(t.Context(), test.options)
		if err == nil {
			_ = l.Close()
		}
		if !errors.Is(err, test.kind) || test.kind != nil && !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, want %v: %s", name, err, test.kind, test.text)
		}
	}
}

// TestDeliveredElsewhere has a site ask the server to deliver its events into streams of the account that it may not write: the
// server takes the consumers, sees no subscriber on the subjects, and the streams stay empty.
func TestDeliveredElsewhere(t *testing.T) {
	e := fromPage(t)
	add(t, e.open(t, "centre"), key, 0, "own")
	login, err := nats.NkeyOptionFromSeed(e.creds["centre"])
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(e.url, login, nats.RootCAs(e.ca))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	centre, err := js.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	streams := map[string]string{"KV_tallies": "$KV.tallies.>", "work": "cpupdate.work.>"}
	for name, subject := range streams {
		if _, err := centre.CreateStream(t.Context(), js.StreamConfig{Name: name, Subjects: []string{subject}}); err != nil {
			t.Fatal(err)
		}
	}
	if login, err = nats.NkeyOptionFromSeed(e.creds["berlin"]); err != nil {
		t.Fatal(err)
	}
	a := attack(t, e, login)
	events, err := centre.Stream(t.Context(), jetstream.Stream)
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"$KV.tallies.spring.paris", "cpupdate.work.paris.spring"} {
		if answer, _ := a.consumer(ours, subject); strings.Contains(answer, `"error"`) {
			t.Logf("the server refuses it: %s", answer)
		}
		_, pull := a.consumer(ours, "")
		next := "$JS.API.CONSUMER.MSG.NEXT." + jetstream.Stream + "." + pull
		a.send(next, subject, nil, "1")
		if _, err := a.conn.Request(next, []byte(`{"batch":1,"no_wait":true}`), long); err != nil { // handled after the one before it
			t.Fatal(err)
		}
	}
	consumers := events.ListConsumers(t.Context())
	for info := range consumers.Info() {
		if info.PushBound || info.Config.DeliverSubject != "" && info.Delivered.Consumer > 0 {
			t.Errorf("the server delivers to %s", info.Config.DeliverSubject)
		}
	}
	if err := consumers.Err(); err != nil {
		t.Fatal(err)
	}
	for name := range streams {
		stream, err := centre.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := stream.Info(t.Context(), js.WithSubjectFilter(">"))
		if err != nil {
			t.Fatal(err)
		}
		if info.State.Msgs > 0 {
			t.Errorf("%s has %v", name, info.State.Subjects)
		}
	}
}
