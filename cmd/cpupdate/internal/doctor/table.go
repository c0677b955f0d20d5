package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// The groups, in their order.
const (
	groupSettings     = "settings"
	groupServer       = "server"
	groupMachine      = "this machine"
	groupPhone        = "phone"
	groupPage         = "web page"
	groupClock        = "clock"
	groupCertificates = "certificates"
	groupAround       = "around"
)

// A state is how something was found.
type state string

// The states.
const (
	stateWell state = "ok"
	stateMind state = "warning" // it does not hinder this way
	stateBad  state = "failed"  // it does
	stateSkip state = "skipped" // it was not looked at
)

// A finding is a line of the answer. Its text and hints may hold what a server or phone said: they are not escaped.
type finding struct {
	Group  string   `json:"group"`
	Check  string   `json:"check"` // empty if the whole group is meant
	About  string   `json:"about,omitempty"`
	State  state    `json:"state"`
	Needed bool     `json:"needed"` // this way does not go without it
	Text   string   `json:"text"`
	Hints  []string `json:"hints"`

	Error *exit.ErrorDoc `json:"error,omitempty"`

	err    error
	reason string // why what depends on it is not looked at
}

func (f finding) named(group, check, about string) finding {
	f.Group, f.Check, f.About = group, check, about
	return f
}

// title is how the finding is called in a sentence.
func (f finding) title() string {
	return f.Group + ": " + f.Check
}

func well(text string) finding { return finding{State: stateWell, Text: text} }

func mind(text string, hints ...string) finding {
	return finding{State: stateMind, Text: text, Hints: hints}
}

func skipped(why string) finding { return finding{State: stateSkip, Text: why} }

// bad is what an error says, with its hints.
func bad(err error) finding {
	f := leadingFailure(err)
	return finding{State: stateBad, Text: f.Error(), Hints: slices.Clone(f.Hints), err: f}
}

// A need says who looks at something, and who does not go without it.
type need struct {
	of    func(x *examination) bool // nil: everybody
	whose func(x *examination) bool // nil: everybody of these
}

func (n need) applies(x *examination) bool { return n.of == nil || n.of(x) }

func (n need) holds(x *examination) bool { return n.whose == nil || n.whose(x) }

// noRoute has need of it.
func noRoute(*examination) bool { return false }

// An inspection is something to look at.
type inspection struct {
	group, name string
	after       string // the check, of this group or GROUP/NAME, that has to be well before this one can be looked at
	also        string // another one
	lost        string // why what comes after it cannot be looked at if it is not well
	mild        bool   // if this way has no need of it, what comes after it can be looked at all the same
	needed      need
	how         func(ctx context.Context, x *examination, phone int) finding
}

func (c inspection) id() string { return c.group + "/" + c.name }

func (f finding) id() string { return f.Group + "/" + f.Check }

// before are the checks that this one comes after, by their whole names.
func (c inspection) before() []string {
	var ids []string
	for _, name := range []string{c.after, c.also} {
		switch {
		case strings.Contains(name, "/"):
			ids = append(ids, name)
		case name != "":
			ids = append(ids, c.group+"/"+name)
		}
	}
	return ids
}

// checks is everything that is looked at, in this order.
func checks() []inspection {
	var all []inspection
	for _, some := range [][]inspection{
		settingsChecks(), serverChecks(), machineChecks(), phoneChecks(), pageChecks(), clockChecks(), certificateChecks(), aroundChecks(),
	} {
		all = append(all, some...)
	}
	return all
}

func settingsChecks() []inspection {
	stored := need{whose: (*examination).usesStored}
	return []inspection{
		{group: groupSettings, name: "folder", lost: "there is no settings folder", how: doctorFolder},
		{group: groupSettings, name: "config", after: "folder", lost: "the settings cannot be read", mild: true, needed: stored, how: settingsConfig},
		{group: groupSettings, name: "passwords", after: "folder", lost: "the passwords cannot be read", needed: stored, how: settingsPasswords},
		{group: groupSettings, name: "trusted-keys", after: "folder", how: settingsTrusted},
		{group: groupSettings, name: "hardware", after: "folder", how: settingsHardware},
		{group: groupSettings, name: "complete", after: "config", lost: "no server is named", needed: need{of: (*examination).toServer}, how: settingsComplete},
		// What has no need of it goes on without it; which server it is says whether there is any.
		{group: groupSettings, name: "known-keys", after: "folder", lost: "the known keys cannot be read", mild: true, needed: need{whose: (*examination).asksKnown}, how: settingsKnown},
		{group: groupSettings, name: "password", after: "complete", also: "known-keys", lost: "the password is not known", needed: need{of: (*examination).logsIn}, how: settingsPassword},
	}
}

func serverChecks() []inspection {
	safe := need{of: (*examination).safe}
	return []inspection{
		{group: groupServer, name: "name", after: groupSettings + "/complete", lost: "the server's address is not known", how: serverName},
		{group: groupServer, name: "port", after: "name", lost: "the server is not reachable", how: serverPort},
		{group: groupServer, name: "certificate", after: "port", also: groupSettings + "/known-keys", lost: "the server is not one to trust", needed: safe, how: serverCertificate},
		{group: groupServer, name: "login", after: "certificate", also: groupSettings + "/password", lost: "nobody is logged in", how: serverLogin},
		{group: groupServer, name: "upload-folder", after: "login", lost: "the folder is not open", how: serverFolder},
		{group: groupServer, name: "data", after: "upload-folder", lost: "there is no data connection", needed: need{of: (*examination).byFTP}, how: serverData},
		{group: groupServer, name: "writing", after: "data", lost: "nothing can be written", how: serverWriting},
		{group: groupServer, name: "proof", after: "writing", how: serverProof},
	}
}

func machineChecks() []inspection {
	phones := need{whose: (*examination).toPhones}
	return []inspection{
		{group: groupMachine, name: "address", lost: "no address of this machine is known", needed: phones, how: machineAddress},
		{group: groupMachine, name: "calls", lost: "phones have no port to call", needed: phones, how: machineCalls},
		{group: groupMachine, name: "fetches", after: "calls", lost: "phones have no port to fetch from", needed: need{of: (*examination).servesFTP}, how: machineFetches},
		{group: groupMachine, name: "reached", after: "calls", needed: phones, how: machineReached},
	}
}

func phoneChecks() []inspection {
	calls := need{whose: (*examination).notByPage} // who is sent the image by its page may be known by that alone
	return []inspection{
		{group: groupPhone, name: "name", lost: "the phone's address is not known", how: doctorPhoneName},
		{group: groupPhone, name: "contact-port", after: "name", lost: "the phone is not reachable", needed: calls, how: phonePort},
		{group: groupPhone, name: "call-back", after: "contact-port", lost: "it did not call", needed: calls, how: phoneCall},
		{group: groupPhone, name: "runs", after: "call-back", needed: calls, how: phoneRuns},
	}
}

func pageChecks() []inspection {
	page := need{of: (*examination).byPage}
	return []inspection{
		{group: groupPage, name: "port", after: groupPhone + "/name", lost: "the page is not reachable", needed: page, how: pagePort},
		{group: groupPage, name: "certificate", after: "port", also: groupSettings + "/known-keys", lost: "the page is not one to trust", needed: page, how: pageCertificate},
		{group: groupPage, name: "start", after: "certificate", lost: "the page cannot be read", needed: page, how: pageStart},
		{group: groupPage, name: "login", after: "start", lost: "nobody is logged in", needed: page, how: pageLogin},
		{group: groupPage, name: "form", after: "login", needed: page, how: pageForm},
	}
}

func clockChecks() []inspection {
	return []inspection{
		{group: groupClock, name: "date", how: clockDate},
		{group: groupClock, name: "server-date", after: groupServer + "/certificate", needed: need{of: (*examination).byHTTPS, whose: noRoute}, how: clockServer},
		{group: groupClock, name: "validity", needed: need{whose: noRoute}, how: clockValidity},
	}
}

func certificateChecks() []inspection {
	return []inspection{
		{group: groupCertificates, name: "service", needed: need{whose: (*examination).toPhones}, how: certificateService},
		{group: groupCertificates, name: "seen", needed: need{whose: noRoute}, how: certificatesSeen},
	}
}

func aroundChecks() []inspection {
	unneeded := need{whose: noRoute}
	return []inspection{
		{group: groupAround, name: "proxy", needed: unneeded, how: aroundProxy},
		{group: groupAround, name: "input", needed: unneeded, how: aroundInput},
		{group: groupAround, name: "output", needed: unneeded, how: aroundOutput},
		{group: groupAround, name: "progress", needed: unneeded, how: aroundProgress},
	}
}
