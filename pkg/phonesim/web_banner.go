package phonesim

import (
	"fmt"
	"html"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// webBanner is the page that says what the phone is without a login (observed: two public programs for OpenStage phones).
const webBanner = "/main_banner.cmd"

// banner answers with the banner: the model in a cell of class part_4, and a table beside it (observed: a page captured for a
// public logo uploader; that CP phones have it is assumed).
func (v *webRequest) banner() *webAnswer {
	t := &v.r.p.traits.web
	if t.noBanner {
		return &webAnswer{status: http.StatusNotFound, body: v.document("<p>Not found</p>")}
	}
	model := v.device()
	if t.otherModel {
		model = otherModel(model)
	}
	host, _, _ := net.SplitHostPort(v.r.p.State().WebAddress) // it listens there
	ipv4, ipv6, name := "", "", ""
	switch ip, err := netip.ParseAddr(host); {
	case err != nil:
		name = host
	case ip.Unmap().Is4():
		ipv4 = ip.Unmap().String()
	default:
		ipv6 = ip.String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<html lang="%s">
<head><meta http-equiv="content-type" content="text/html; charset=UTF-8"></head>
<body><table><tr>
<td class="part_1">&nbsp;</td><td class="part_2"><img src="content/product_image.png" alt="Logo"></td><td class="part_3">&nbsp;</td>
<td class="part_4">%s</td>
<td class="part_5"><table>
`, v.lang(), html.EscapeString(model))
	for _, row := range [][2]string{{"Phone number", v.r.p.c.E164}, {"Phone IPv4 address", ipv4}, {"Phone IPv6 address", ipv6}, {"DNS name", name}} {
		fmt.Fprintf(&b, `<tr><td class="text_right text_bold">%s</td><td class="text_left">%s</td></tr>`+"\n", row[0], html.EscapeString(row[1]))
	}
	b.WriteString("</table></td><td class=\"part_6\">&nbsp;</td></tr></table></body>\n</html>\n")
	return &webAnswer{body: b.String()}
}

// otherModel returns another device type that begins as the given one does.
func otherModel(device string) string {
	begin, model := "", device
	if i := strings.LastIndexByte(device, ' ') + 1; i > 0 {
		begin, model = device[:i], device[i:]
	}
	if model == "CP205" {
		return begin + "CP400"
	}
	return begin + "CP205"
}
