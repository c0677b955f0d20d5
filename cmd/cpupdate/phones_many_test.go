package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestManyPhones pushes to many phones at once: what fails with one does not affect the others, and the end names each
// phone and why it failed.
func TestManyPhones(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		list := []string{"address,model,hw_level"}
		var rows []string
		for _, phone := range []struct{ faults, row string }{
			{"", `updated        PHONE +OpenScape Desk Phone CP600 Unify HFA V1 R4\.9\.0`},
			{"contact-404", "not-a-phone    PHONE +no OpenScape phone answers at this address"},
			{"ignores-contact", "no-call-back   PHONE +"},
			{"never-version", "unknown        PHONE +"},
			{"busy-forever", "busy           PHONE +"},
			{"refuse-deployment", "not-taken      PHONE +"},
			{"never-fetches", "never-fetched  PHONE +"},
			{"stalls-mid-download", "cut            PHONE +"},
			{"reject-image", "rejected       PHONE +"},
			{"status-failed", "says-failed    PHONE +"},
			{"reboots-with-old-version", "old-version    PHONE +"},
			{"never-comes-back", "never-back     PHONE +"},
			{"accepts", "updated        PHONE +"},
			{"hostile-text user-pwd", "unknown        PHONE +"},
		} {
			address := s.phone(phone.faults, func(c *phonesim.Config) { c.PartNumber = "" }).Address()
			list = append(list, address+",CP600,3")
			rows = append(rows, strings.Replace(phone.row, "PHONE", address, 1))
		}
		args := []string{"push", image, "--phones", listOf(s.t, list...), "--serve"}
		r := s.run(s.t.Context(), args...)
		r.check(s.t, args)
		checkPlain(s.t, r.out+r.errOut)
		rows = append(rows, "14 phones: 2 updated, 1 busy, 1 cut, 1 never-back, 1 never-fetched,\n           1 no-call-back, 1 not-a-phone, 1 not-taken, 1 old-version,\n           1 rejected, 1 says-failed, 2 unknown\n")
		for _, row := range rows {
			if !regexp.MustCompile("(?m)^" + row).MatchString(r.out) {
				s.t.Errorf("there is no row %q", row)
			}
		}
		for _, want := range []string{
			`^cpupdate: 12 of 14 phones are not updated: 10\.0\.0\.2:8085 \(not-a-phone\), 10\.0\.0\.3:8085 \(no-call-back\), 10\.0\.0\.4:8085 \(unknown\), 10\.0\.0\.5:8085 \(busy\), `,
			"^hint: not-a-phone: check the address",
		} {
			if !regexp.MustCompile("(?m)" + want).MatchString(r.errOut) {
				s.t.Errorf("there is no line %q", want)
			}
		}
		if r.code != exit.CodePartial || s.t.Failed() {
			s.t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
		}
	})
}
