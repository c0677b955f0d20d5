package main

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

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
			if moment == phonesim.Uploading && !c.harmless && !c.atEnd || moment == phonesim.LoggedIn && c.harmless {
				continue // the changed part may be on its way; or a restart takes time
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
				if strings.Contains(r.errOut, "cannot be read") {
					t.Errorf("a file that has changed can be read:\n%s", r.errOut)
				}
				if begun := state.UploadBytes > 0; begun && moment == phonesim.LoggedIn && !c.harmless {
					t.Errorf("the phone got %d bytes", state.UploadBytes)
				}
			})
		}
	}
}

// TestWebChangedBetweenPhones: the first of two phones has the image by its page, then the image changes. The second gets
// nothing, and the run ends with the code of a changed image.
func TestWebChangedBetweenPhones(t *testing.T) {
	t.Parallel()
	image := sealedImages(t)[0]
	for _, c := range changes() {
		if c.harmless {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			name := image.write(t)
			alter := c.once(t, name, &image)
			lines, port := []string{"address,hw_level"}, "0"
			args := append(serviceFlags(t), "push", name, "--web", "--parallel", "1", "--password-file", clitest.File(t, "secret", []byte(webPassword)))
			var phones []*phonesim.Phone
			for i := range 2 {
				host := fmt.Sprintf("127.0.9.%d", i+1)
				phone := startPhone(t, "", func(config *phonesim.Config) {
					config.Listen, config.Web, config.Password, config.MAC = host+":0", host+":"+port, webPassword, fmt.Sprintf("00:1A:E8:00:00:0%d", i+1)
					config.RestartTime = time.Hour // the first is not back before the second is done
					config.Event = func(e phonesim.Event) {
						if e.Kind == phonesim.Uploaded {
							alter()
						}
					}
				})
				page := phone.State().WebAddress
				_, port, _ = net.SplitHostPort(page)
				lines, args, phones = append(lines, phone.Address()+",3"), append(args, "--pin", pinOf(t, page)), append(phones, phone)
			}
			r := runHere(t, nil, slices.Concat(args, image.flags, []string{"--web-port", port, "--phones", listOf(t, lines...)})...)
			uploads := 0
			for _, phone := range phones {
				uploads += phone.State().Uploads
				if bytes := phone.State().UploadBytes; phone.State().Uploads == 0 && bytes > 0 {
					t.Errorf("%s got %d bytes", phone.Address(), bytes)
				}
			}
			if r.code != exit.CodeImage || uploads != 1 || !strings.Contains(r.errOut, "(not instructed)") || !strings.Contains(r.errOut, "may still update") || !strings.Contains(strings.Join(strings.Fields(r.out), " "), "interrupted before the image was sent: ") {
				t.Errorf("exit code %d, %d uploads\n%s%s", r.code, uploads, r.out, r.errOut)
			}
		})
	}
}
