package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

// cmdPhones waits for the list that simulate writes, and puts the phones' addresses into the environment: phones FILE sets
// PHONE1, PHONE2 and so on; where they have web pages also PAGE1, the port WEB1, and the key PIN1.
func cmdPhones(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: phones FILE")
	}
	cmdAwait(ts, false, args)
	listed, err := settings.ReadPhoneList(context.Background(), ts.MkAbs(args[0]))
	ts.Check(err)
	for i, l := range listed {
		ts.Setenv(fmt.Sprintf("PHONE%d", i+1), l.Address)
		_, page, found := strings.Cut(l.Note, "web page at ")
		if !found {
			continue
		}
		_, port, err := net.SplitHostPort(page)
		ts.Check(err)
		pin, err := pinAt(new(net.Dialer).DialContext, page)
		ts.Check(err)
		ts.Setenv(fmt.Sprintf("PAGE%d", i+1), page)
		ts.Setenv(fmt.Sprintf("WEB%d", i+1), port)
		ts.Setenv(fmt.Sprintf("PIN%d", i+1), pin)
	}
}

// cmdPlain finds what must be in no output of a script: control characters, and a phone's password. plain stdout stderr.
func cmdPlain(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: plain FILE...")
	}
	for _, name := range args {
		if problem := notPlain(ts.ReadFile(name)); problem != "" {
			ts.Fatalf("%s: %s", filepath.Base(name), problem)
		}
	}
}
