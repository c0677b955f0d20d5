package wpi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// TestBareLess checks that a < in a value after which no tag can begin stands for itself, and that one that could begin a tag makes the
// message unreadable.
func TestBareLess(t *testing.T) {
	t.Parallel()
	const form = `<WorkpointMessage><Message nonce="1"><ReasonForContact>start-up</ReasonForContact><ItemList>` +
		`<Item name="device-type">%s</Item><Item name="mac-addr">00:1A:E8:00:00:01</Item></ItemList></Message></WorkpointMessage>`
	for value, want := range map[string]string{
		"a < 5": "a < 5", "<3": "<3", "x<": "x<", "a<<b": "", "<<": "<<", "a<b": "", "a<b>c": "", "<=": "<=", "1 <\n2": "1 <\n2", "<>": "<>", "a &lt; b": "a < b",
		"<![CDATA[a < 5]]>": "a < 5", "a < 5 <![CDATA[x]]>": "", "a < 5<!-- 1 < 2 -->": "", "a </Item> b": "", "<\xe4": "", "<ä": "", "<?x": "", "<!x": "",
		`<"` + `x`: `<"x`, strings.Repeat("<", 1000): strings.Repeat("<", 1000),
	} {
		m, err := wpi.ParsePhoneMessage(fmt.Appendf(nil, form, value))
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is read: %+v", value, m.Items)
		case want != "" && (err != nil || len(m.Items) != 2 || m.Items[0].Value != want || m.Items[1].Value != "00:1A:E8:00:00:01"):
			t.Errorf("%q: %+v, %v", value, m, err)
		}
	}
	for _, text := range []string{"<", "< WorkpointMessage>", fmt.Sprintf(form, "x") + "<", strings.Replace(fmt.Sprintf(form, "x"), "</ItemList>", "< /ItemList>", 1)} {
		if _, err := wpi.ParsePhoneMessage([]byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}
