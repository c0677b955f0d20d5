package journaltest

import (
	"encoding/json"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// Bodies returns a body of each type, with every field set.
func Bodies() []journal.Body {
	by := journal.Origin{User: "anna", Host: "laptop", Tool: "1.4.0"}
	route := journal.Route{Way: "server", Server: "ftp://files.example/phones", Profile: "berlin", Listen: "192.0.2.9:8085"}
	image := journal.Image{Name: "cp600.img", Version: "V1 R4.9.0", SoftwareType: "Unify SIP", SHA256: "00ff", Size: 40 << 20}
	overrides := []journal.Override{{Rule: "downgrade", Reason: "ticket 17"}}
	device := journal.Device{Type: "OpenScape Desk Phone CP600", SoftwareType: "Unify SIP", Version: "V1 R3.1.0", MAC: "00:1A:E8:12:34:56", PartNumber: "S30817-S7720"}
	return []journal.Body{
		journal.Planned{Images: []journal.Image{image}, Route: route, By: by, Overrides: overrides, Phones: 412, Push: true},
		journal.RunBegun{Run: "r1", By: by, Route: route, Site: "berlin"},
		journal.FlagsKept{By: by, Flags: []string{"--profile=berlin", "--password-command"}},
		journal.WaveOpened{Wave: 1, Name: "canary", Phones: 4},
		journal.Paused{By: by, Reason: "lunch"},
		journal.Resumed{By: by},
		journal.Stopped{By: by, Reason: "wrong image"},
		journal.LimitReached{Wave: 2, Cause: "rejected", Limit: "10%", Count: 4},
		journal.SiteCounted{Site: "berlin", Wave: 2, Run: "r1", Left: 3, Ended: map[string]int{"rejected": 1, "unverified": 2}},
		journal.Note{Text: "reception"},
		journal.Listed{Address: "192.0.2.7", MAC: "00:1A:E8:12:34:56", Note: "by the door", Room: "4.07", Site: "berlin", Wave: 1, SHA256: "00ff"},
		journal.Begun{Run: "r1", Attempt: 1},
		journal.TookOver{Rollout: "push-1", Told: time.UnixMilli(1_700_000_000_000).UTC(), Version: "V1 R4.9.0", Before: journal.Device{Version: "V1 R3.1.0"}},
		journal.Reported{Device: device},
		journal.Checked{Verdict: "fits", Overrides: overrides},
		journal.Instructing{Run: "r1", Attempt: 1, Version: "V1 R4.9.0", SHA256: "00ff"},
		journal.Instructed{},
		journal.Accepted{},
		journal.Busy{},
		journal.Fetching{Bytes: 1, Size: 2},
		journal.Fetched{Bytes: 2},
		journal.Sending{Run: "r1", Attempt: 2, Version: "V1 R4.9.0", SHA256: "00ff", Size: 2},
		journal.Sent{Bytes: 2},
		journal.Restarting{},
		journal.Back{},
		journal.LetGo{Run: "r1", Failure: "interrupted", Text: "the run was stopped"},
		journal.Outcome{Result: journal.Failed, Failure: "rejected", Text: "it kept its software", Version: "V1 R3.1.0", Instructed: true, Keeps: true, Took: time.Minute},
		journal.Retry{By: by, Reason: "looked at it"},
		journal.Unknown{Name: "from-tomorrow", Data: json.RawMessage(`{"a":[1,{"b":"c"}]}`)},
	}
}
