package demo

import (
	"fmt"
	"io"
	"os"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/simulate"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// The texts before and after the steps.
const (
	beginText = `Four phones are simulated on this machine. Nothing leaves it, and no real phone
is contacted. The push flags from --patience on are for the demo only: they make
the waits short. Real phones take minutes.
`
	endText = `
The demo is complete, and nothing of it is left. To continue with simulated
phones, see: cpupdate help simulate. To update a real phone:
cpupdate push IMAGE ADDRESS --serve --hw-level LEVEL
`
	keptText = `
The demo is complete. Image and phone list were kept: %s
To continue, simulate the phones again in one terminal, in that folder:
cpupdate simulate --phones phones.csv
and install the image on them in another one:
cpupdate push cp600.bind --phones phones.csv --serve --contact-interval 3s
`
)

// The files of the demo.
const (
	demoApp   = "app.bin"
	demoImage = "cp600.bind"
	demoList  = "phones.csv"
)

// A Phone is a phone of the demo, and the level that the list states for it.
type Phone struct {
	Config phonesim.Config
	listed uint16
}

// Phones returns the phones: two that the image is compatible with, one that it is not, and one whose hardware
// differs from the list.
func Phones() []Phone {
	var cast []Phone
	for i, p := range []struct {
		model         string
		level, listed uint16
	}{{"CP600", 3, 3}, {"CP400", 4, 4}, {"CP600", 3, 3}, {"CP600", 6, 3}} {
		cast = append(cast, Phone{phonesim.Config{
			Listen: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone " + p.model, MAC: fmt.Sprintf("00:1A:E8:00:00:%02d", i+1),
			Level: p.level, SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 4, Fix: 9},
			InstallTime: simulate.Seconds(1) / 2, RestartTime: simulate.Seconds(2),
		}, p.listed})
	}
	return cast
}

// start starts the phones, and writes their list and the payload of the image.
func (d *demonstration) start(cast []Phone) error {
	var listed []hwcheck.ListedPhone
	for i, p := range cast {
		phone, err := phonesim.Start(p.Config)
		if err != nil {
			return exit.New(exit.CodeSettings, fmt.Errorf("simulated phone %d: %w", i+1, err), "check that programs may listen on 127.0.0.1 on this machine")
		}
		d.phones = append(d.phones, phone)
		listed = append(listed, hwcheck.ListedPhone{
			Address: phone.Address(), MAC: p.Config.MAC, Note: simulate.Note,
			Phone: hwcheck.Phone{
				Device: []hwcheck.Claim[string]{{Value: p.Config.DeviceType}},
				Level:  []hwcheck.Claim[uint16]{{Value: p.listed}},
			},
		})
	}
	if err := atomicfile.Write(demoList, false, func(w io.Writer) error { return hwcheck.WritePhones(w, listed) }, nil); err != nil {
		return err
	}
	return demoTrouble(os.WriteFile(demoApp, demoPayload(), 0o600))
}

// A demoStep is a sentence, and the commands that it describes. If phone is set, the step ends with what that phone
// saw.
type demoStep struct {
	says     string
	commands []demoCommand
	phone    *phonesim.Phone
	after    [4]demoState // what has happened to each phone so far
}

// A demoState counts how often a phone received the update command, and how often it restarted.
type demoState struct{ instructed, restarts int }

// story returns the steps.
func (d *demonstration) story() []demoStep {
	short := []string{"--patience", "5s", "--contact-interval", "3s", "--probe-interval", "200ms"}
	updated, rejected := demoState{1, 1}, demoState{1, 0}
	fits, other := d.phones[0], d.phones[1]
	push := func(want exit.Code, more []string, words ...string) []demoCommand {
		return []demoCommand{{append([]string{"push", demoImage}, words...), more, want}}
	}
	return []demoStep{
		{
			says:     "What are the phones, and what do they run? Each phone receives a contact request, calls back, and reports it. (" + demoList + " holds their addresses and hardware levels.)",
			commands: []demoCommand{{words: []string{"phone", "--phones", demoList}}},
		},
		{
			says: "An image for phones of hardware levels 1 to 3, in the project's own format; " + demoApp + " stands for the firmware. What does the image say about itself, and is it intact?",
			commands: []demoCommand{
				{
					words: []string{"pack", demoApp, "-q", "-o", demoImage, "--model", "CP400,CP600", "--hw-levels", "1-3"},
					more:  []string{"--software-type", "Unify HFA", "--software-version", "V1 R9.2.0"},
				},
				{words: []string{"inspect", demoImage}},
			},
		},
		{
			says:     "Is the image compatible with a phone? The phone reports what it is, but phones do not report their hardware level: you state it.",
			commands: []demoCommand{{words: []string{"check", demoImage, fits.Address(), "--hw-level", "3"}}},
		},
		{
			says:     "The same image for a phone of level 4: refused before any byte is sent. The phone is not even contacted, because its level decides.",
			commands: push(exit.CodeRefused, nil, other.Address(), "--serve", "--hw-level", "4"),
			phone:    other,
		},
		{
			says:     "The same again, with the rule overridden. Now the phone fetches the image, checks it, and keeps its old software: the phone has the final word.",
			commands: push(exit.CodeRejected, short, other.Address(), "--serve", "--hw-level", "4", "--override"),
			phone:    other,
			after:    [4]demoState{1: rejected},
		},
		{
			says:     "The compatible phone fetches the image from this machine (--serve) and restarts. The update is complete when the phone itself reports the new version.",
			commands: push(exit.CodeOK, short, fits.Address(), "--serve", "--hw-level", "3"),
			phone:    fits,
			after:    [4]demoState{updated, rejected},
		},
		{
			says:     "All phones of the list at once. The list is wrong about the last phone: it states level 3, but the hardware has level 6.",
			commands: push(exit.CodePartial, short, "--phones", demoList, "--serve"),
			after:    [4]demoState{updated, rejected, updated, rejected},
		},
		{
			says:     "Which software do the phones run now?",
			commands: []demoCommand{{words: []string{"phone", "--phones", demoList}}},
			after:    [4]demoState{updated, rejected, updated, rejected},
		},
	}
}
