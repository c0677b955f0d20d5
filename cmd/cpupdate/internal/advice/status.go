package advice

import (
	"errors"
	"net/http"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

const certificateHint = "ask the server's administrator for an address that wants no client certificate, but a user name and a password: cpupdate has no client certificate"

// statusHint returns the hint for a server's answer about which more is known than its kind; "" if there is none. No reply of
// FTP has one of these codes.
func statusHint(e *transfer.Error) string {
	switch {
	case errors.Is(e, transfer.ErrClientCertificate) && e.Kind != transfer.KindDenied && e.Kind != transfer.KindBroken:
		return certificateHint
	case e.Code == http.StatusRequestEntityTooLarge:
		return "raise the server's limit for one upload: client_max_body_size of nginx, LimitRequestBody of Apache, maxAllowedContentLength of IIS, server.max-request-size of lighttpd, max_size of Caddy"
	case e.Code == http.StatusMethodNotAllowed:
		return "have the server's administrator allow PUT and DELETE in the folder of --base-url, as WebDAV does: a server that only hands out files takes none"
	case e.Kind == transfer.KindUnproven && (e.Code == http.StatusNotFound || e.Code == http.StatusGone):
		return "phones will not find it either: a server hands out no file whose type it does not know (IIS: add a MIME type for the end of the file's name, such as .img, with application/octet-stream); then send it again"
	case e.Kind == transfer.KindMissing && e.Code == http.StatusNotFound && e.Op == "sending":
		return "check the folder of --base-url; IIS answers so, too, if the file is larger than its maxAllowedContentLength (30 MB if not set), or if it takes no uploads"
	}
	return ""
}
