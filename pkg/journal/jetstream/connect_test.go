package jetstream_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// TestAddresses refuses addresses before anything is sent. No error quotes a login.
func TestAddresses(t *testing.T) {
	const secret = "s3cr3t"
	for address, want := range map[string]string{
		"":                                      "not of the form tls://HOST:PORT",
		"localhost":                             "not of the form",
		"tls://":                                "not of the form",
		"tls://:4222":                           "not of the form",
		"tls://ho st":                           "not of the form",
		"tls://u:" + secret + "@\x00":           "not of the form",
		"nats://centre.example":                 "is not encrypted, and centre.example is another machine: use tls://centre.example",
		"nats://192.0.2.9:4222":                 "use tls://192.0.2.9:4222",
		"nats://[2001:db8::1]:4222":             "use tls://[2001:db8::1]:4222",
		"nats://localhost.example":              "is another machine",
		"nats://127.0.0.1.example":              "is another machine",
		"nats://0.0.0.0:4222":                   "is another machine",
		"ws://centre.example":                   `begins with "ws://": use tls://`,
		"wss://centre.example":                  `begins with "wss://": use tls://`,
		"http://centre.example":                 `begins with "http://"`,
		"tls://u:" + secret + "@centre.example": "contains a login",
		"tls://" + secret + "@centre.example":   "contains a login",
		"nats://u:" + secret + "@127.0.0.1":     "contains a login",
		"tls://centre.example/?t=" + secret:     "has something after the port",
		"tls://centre.example#" + secret:        "has something after the port",
		"tls://a.example,nats://127.0.0.1":      "some servers are used with TLS",
		"tls://a.example,":                      "not of the form",
	} {
		_, err := jetstream.Open(t.Context(), jetstream.Options{URL: address})
		if !errors.Is(err, jetstream.ErrOptions) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}

// TestFiles names files that cannot be used. No error quotes what is in them.
func TestFiles(t *testing.T) {
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const secret = "SUAS3CR3T"
	s := start(t)
	for name, o := range map[string]jetstream.Options{
		"no creds":      {Creds: filepath.Join(folder, "none")},
		"empty creds":   {Creds: file("empty", "")},
		"seed only":     {Creds: file("seed", "-----BEGIN USER NKEY SEED-----\n"+secret+"\n------END USER NKEY SEED------\n")},
		"password only": {Creds: file("password", secret)},
		"a folder":      {Creds: folder},
		"no CA":         {CA: filepath.Join(folder, "none")},
		"no PEM":        {CA: file("ca", secret)},
	} {
		o.URL = s.ClientURL()
		_, err := jetstream.Open(t.Context(), o)
		if !errors.Is(err, jetstream.ErrOptions) || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), folder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := file("broken", "-----BEGIN NATS USER JWT-----\neyJ\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\n"+secret+"\n------END USER NKEY SEED------\n")
	if _, err := jetstream.Open(t.Context(), jetstream.Options{URL: s.ClientURL(), Creds: broken}); err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
}
