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

// What is said before and after the steps.
const (
	beginText = `Four phones are simulated on this machine. Nothing leaves it, and no real phone
is asked. What a push has from --patience on is for the demo only: short waits.
Real phones take minutes.
`
	endText = `
That was all, and nothing of it is left. To go on with simulated phones, see:
cpupdate help simulate. A real phone is updated with:
cpupdate push IMAGE ADDRESS --serve --hw-level LEVEL
`
	keptText = `
That was all. Image and phone list were kept: %s
To go on, be the phones again in one terminal, in that folder:
cpupdate simulate --phones phones.csv
and take the image into them in another one:
cpupdate push cp600.bind --phones phones.csv --serve --contact-interval 1s
`
)

// The files of the demo.
const (
	demoApp   = "app.bin"
	demoImage = "cp600.bind"
	demoList  = "phones.csv"
)

// A Phone is a phone of the demo, and the level that the list states of it.
type Phone struct {
	Config phonesim.Config
	listed uint16
}

// Phones are the phones: two that the image fits, one that it does not, and one whose hardware is not what is
// stated of it.
func Phones() []Phone {
	var cast []Phone
	for i, p := range []struct {
		model         string
		level, listed uint16
	}{{"CP600", 3, 3}, {"CP400", 4, 4}, {"CP600", 3, 3}, {"CP600", 6, 3}} {
		cast = append(cast, Phone{phonesim.Config{
			Listen: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone " + p.model, MAC: fmt.Sprintf("00:1A:E8:00:00:%02d", i+1),
			Level: p.level, SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 4, Fix: 9},
			InstallTime: simulate.Seconds(1) / 2, RestartTime: simulate.Seconds(1),
		}, p.listed})
	}
	return cast
}

// start starts the phones, and writes their list and what is to become the image.
func (d *demonstration) start(cast []Phone) error {
	var listed []hwcheck.ListedPhone
	for i, p := range cast {
		phone, err := phonesim.Start(p.Config)
		if err != nil {
			return exit.New(exit.CodeSettings, fmt.Errorf("simulated phone %d: %w", i+1, err), "see that programs may listen on 127.0.0.1 here")
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

// A demoStep is a sentence and the commands that it speaks of. Then it is told what the phone has seen of it, if one is
// named.
type demoStep struct {
	says     string
	commands []demoCommand
	phone    *phonesim.Phone
	after    [4]demoState // what each phone has been through so far
}

// A demoState is how often a phone was told to fetch software, and how often it restarted.
type demoState struct{ told, restarts int }

// story returns the steps.
func (d *demonstration) story() []demoStep {
	short := []string{"--patience", "3s", "--contact-interval", "1s", "--probe-interval", "200ms"}
	updated, rejected := demoState{1, 1}, demoState{1, 0}
	fits, other := d.phones[0], d.phones[1]
	push := func(want exit.Code, more []string, words ...string) []demoCommand {
		return []demoCommand{{append([]string{"push", demoImage}, words...), more, want}}
	}
	return []demoStep{
		{
			says:     "What are the phones, and what do they run? Each is asked to call back, and says so itself. (" + demoList + " holds their addresses and hardware levels.)",
			commands: []demoCommand{{words: []string{"phone", "--phones", demoList}}},
		},
		{
			says: "An image for phones of hardware levels 1 to 3, in the project's own format; " + demoApp + " stands for the firmware. What does it say about itself, and is it intact?",
			commands: []demoCommand{
				{
					words: []string{"pack", demoApp, "-q", "-o", demoImage, "--model", "CP400,CP600", "--hw-levels", "1-3"},
					more:  []string{"--software-type", "Unify HFA", "--software-version", "V1 R9.2.0"},
				},
				{words: []string{"inspect", demoImage}},
			},
		},
		{
			says:     "Will a phone take it? This one is asked what it is, but not its hardware level, which phones do not tell: the person who asks states it.",
			commands: []demoCommand{{words: []string{"check", demoImage, fits.Address(), "--hw-level", "3"}}},
		},
		{
			says:     "The same image for a phone of level 4: refused before a byte moves. The phone is not even asked, since its level settles it.",
			commands: push(exit.CodeRefused, nil, other.Address(), "--serve", "--hw-level", "4"),
			phone:    other,
		},
		{
			says:     "Once more, with the rule lifted. Now the phone fetches the image, checks it itself, and keeps what it has: its word is final.",
			commands: push(exit.CodeRejected, short, other.Address(), "--serve", "--hw-level", "4", "--override"),
			phone:    other,
			after:    [4]demoState{1: rejected},
		},
		{
			says:     "The phone that fits fetches the image from this machine (--serve), restarts, and is done when it reports the new version itself.",
			commands: push(exit.CodeOK, short, fits.Address(), "--serve", "--hw-level", "3"),
			phone:    fits,
			after:    [4]demoState{updated, rejected},
		},
		{
			says:     "All phones of the list at once. The list is wrong about the last one: it states level 3, but the hardware is of level 6.",
			commands: push(exit.CodePartial, short, "--phones", demoList, "--serve"),
			after:    [4]demoState{updated, rejected, updated, rejected},
		},
		{
			says:     "What runs where now?",
			commands: []demoCommand{{words: []string{"phone", "--phones", demoList}}},
			after:    [4]demoState{updated, rejected, updated, rejected},
		},
	}
}
