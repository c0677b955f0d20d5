package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cpupdate/cpupdate/internal/realservers"
)

// cmdServe starts a real server on loopback: serve vsftpd|proftpd|pure-ftpd|nginx [option]... Its settings are then in
// the environment: PORT, SERVER (127.0.0.1), URL (of the folder, as push prints it), BASE_URL (nginx), CA (a file), PIN,
// USER, FOLDER (on the disk); the password is in the file PASSWORD_FILE. Options: tls, readonly, nooverwrite, hash,
// full=BYTES, nologin, tls12, deny=COMMAND, line=CONFIGURATION (vsftpd, proftpd).
// A script asks first whether that can be: [!server:KIND] skip.
func cmdServe(t *testing.T) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("usage: serve KIND [option]...")
		}
		kind := realservers.Kind(args[0])
		s := realservers.Start(t, kind, serverOptions(ts, args[1:]))
		password := ts.MkAbs("password")
		ts.Check(os.WriteFile(password, []byte(s.Access.Password.Reveal()+"\n"), 0o600))
		for name, value := range map[string]string{
			"PORT": strconv.Itoa(s.Access.Port), "SERVER": s.Access.Server, "BASE_URL": s.Access.BaseURL,
			"URL": strings.TrimSuffix(s.Access.FileURL("x"), "x"), "CA": s.CAFile, "PIN": s.Pin.String(),
			"USER": s.Access.Username, "FOLDER": s.Folder, "PASSWORD_FILE": password,
		} {
			ts.Setenv(name, value)
		}
	}
}

func serverOptions(ts *testscript.TestScript, words []string) realservers.Options {
	var o realservers.Options
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "tls":
			o.TLS = true
		case "readonly":
			o.ReadOnly = true
		case "nooverwrite":
			o.NoOverwrite = true
		case "hash":
			o.Hash = true
		case "nologin":
			o.NoLogin = true
		case "deny":
			o.Deny = append(o.Deny, value)
		case "line":
			o.Lines = append(o.Lines, value)
		case "tls12":
			o.MaxTLS12 = true
		case "full":
			bytes, err := strconv.ParseInt(value, 10, 64)
			ts.Check(err)
			o.FullDisk = bytes
		default:
			ts.Fatalf("%s", fmt.Sprintf("unknown option %q", word))
		}
	}
	return o
}

// cmdAwait waits until a file of the pattern is there and has some bytes: await GLOB.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await GLOB")
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for range 4000 {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		for _, name := range found {
			if info, err := os.Stat(name); err == nil && info.Size() > 0 {
				return
			}
		}
		<-ticker.C
	}
	ts.Fatalf("no file is called %s", args[0])
}
