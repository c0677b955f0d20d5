package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestWebChangedImage: a phone's page gets what was verified, and never all of anything else. The image changes when we have
// logged in, and when the phone sees the upload begin: it reads nothing of it before that, and no buffer on the way holds
// an image of this size.
func TestWebChangedImage(t *testing.T) {
	t.Parallel()
	image := sealedImagesOf(t, 12<<20)[0]
	for _, c := range changes() {
		for _, moment := range []phonesim.Kind{phonesim.LoggedIn, phonesim.Uploading} {
			if moment == phonesim.Uploading && !c.harmless && !c.atEnd {
				continue // the changed part may be on its way
			}
			t.Run(fmt.Sprintf("%s when %s", c.name, moment), func(t *testing.T) {
				t.Parallel()
				name := image.write(t)
				alter := c.once(t, name, &image)
				phone := startPhone(t, "", func(config *phonesim.Config) {
					config.Web, config.Password = "127.0.0.1:0", webPassword
					config.Event = func(e phonesim.Event) {
						if e.Kind == moment {
							alter()
						}
					}
				})
				flags, page := webFlags(phone)
				args := append(serviceFlags(t), "push", name, phone.Address(), "--pin", pinOf(t, page), "--password-file", clitest.File(t, "secret", []byte(webPassword)))
				r := runHere(t, nil, append(append(args, flags...), image.flags...)...)
				version, code, uploads := versionOld, exit.CodeImage, 0
				if c.harmless {
					version, code, uploads = versionNew, exit.CodeOK, 1
				}
				state := phone.State()
				if r.code != code || state.Version.String() != version || state.Uploads != uploads || !c.harmless && !strings.Contains(r.errOut, "CPB content at offset 0x") {
					t.Errorf("exit code %d, want %d; the phone runs %s, and has %d whole images\n%s%s", r.code, code, state.Version, state.Uploads, r.out, r.errOut)
				}
				if begun := state.UploadBytes > 0; begun && moment == phonesim.LoggedIn && !c.harmless {
					t.Errorf("the phone got %d bytes", state.UploadBytes)
				}
			})
		}
	}
}
