package hwcheck_test

import (
	"fmt"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// An image for the hardware levels 1 to 3, and a phone whose level the operator states.
func ExampleCheck() {
	levels, err := bind.ParseLevels("1-3")
	if err != nil {
		fmt.Println(err)
		return
	}
	facts := bind.Facts{Levels: bind.Fact[bind.Levels]{Value: levels, Origin: bind.Origin{Source: bind.Header, Confidence: bind.Documented}}}
	phone := hwcheck.Phone{Level: []hwcheck.Claim[uint16]{{Value: 4, Origin: hwcheck.Flag}}}

	verdict := hwcheck.Check(facts, phone, hwcheck.Policy{})
	fmt.Println(verdict.Answer)
	for _, f := range verdict.Findings {
		if f.Outcome == hwcheck.Fail {
			fmt.Printf("%s: image %s, phone %s. %s\n", f.Rule, f.Image.Value, f.Phone.Value, f.Advice)
		}
	}

	// Output:
	// not compatible
	// hardware-level: image 1-3, phone 4. Use an image for hardware level 4.
}
