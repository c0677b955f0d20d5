package wpi

import (
	"slices"
	"strings"
	"testing"
)

const (
	idA = "00112233445566778899aabbccddeeff"
	idB = "ffeeddccbbaa99887766554433221100"
)

func TestCookieIDs(t *testing.T) {
	for _, row := range []struct {
		fields []string
		want   []string
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{"JSESSIONID=" + idA}, []string{idA}},
		{[]string{"JSESSIONID=" + idA + "; Path=/DeploymentService/; Secure"}, []string{idA}},
		{[]string{"JSESSIONID=" + strings.ToUpper(idA) + "; path=/DeploymentService/; secure"}, []string{idA}},
		{[]string{`jsessionid = "` + idA + `" ; x`}, []string{idA}},
		{[]string{"Path=/,JSESSIONID=" + idA + ",Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, []string{idA}},
		{[]string{"JSESSIONID=" + idA + "; JSESSIONID=" + idB}, []string{idA, idB}},
		{[]string{"JSESSIONID=" + idA, "JSESSIONID=" + idB}, []string{idA, idB}},
		{[]string{"JSESSIONID=" + idA[1:]}, nil},
		{[]string{"JSESSIONID=" + idA + "0"}, nil},
		{[]string{"JSESSIONID=" + idA[:31] + "g"}, nil},
		{[]string{"JSESSIONID"}, nil},
		{[]string{"XJSESSIONID=" + idA}, nil},
		{[]string{idA}, nil},
		{[]string{strings.Repeat("a=b;", 3000) + "JSESSIONID=" + idA}, nil},
		{[]string{strings.Repeat("JSESSIONID="+idA+";", 20)}, slices.Repeat([]string{idA}, maxIDs)},
	} {
		if got := cookieIDs(row.fields); !slices.Equal(got, row.want) {
			t.Errorf("%.100q: got %q, want %q", row.fields, got, row.want)
		}
	}
}

// FuzzCookie: whatever a cookie field holds, only what can be a session comes out, and it stood there.
func FuzzCookie(f *testing.F) {
	f.Add("JSESSIONID="+idA+"; Path=/DeploymentService/; Secure", "x=y")
	f.Add("a=b, jsessionid=\""+idB+"\",", "JSESSIONID="+idA)
	f.Fuzz(func(t *testing.T, one, two string) {
		ids := cookieIDs([]string{one, two})
		if len(ids) > maxIDs {
			t.Errorf("%d sessions", len(ids))
		}
		for _, id := range ids {
			if !isID(id) || !strings.Contains(strings.ToLower(one+two), id) {
				t.Errorf("got %q", id)
			}
		}
		if again := cookieIDs([]string{cookieName + "=" + idA + ";" + one}); len(one) < maxCookie/2 && (len(again) == 0 || again[0] != idA) {
			t.Errorf("what follows hides the session: %q", again)
		}
	})
}
