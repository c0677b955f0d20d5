package transfer

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestParseChallenges checks how WWW-Authenticate is split, whatever a server, or a proxy that joins lines, makes of it.
func TestParseChallenges(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		``:                                     ``,
		` , ,, `:                               ``,
		`Basic`:                                `Basic`,
		`basic realm="a"`:                      `basic realm=a`,
		`Basic realm = "a" , x=1`:              `Basic realm=a x=1`,
		"Basic\trealm=\"a\"":                   `Basic realm=a`,
		`Basic realm="a, Digest b"`:            `Basic realm=a, Digest b`,
		`Basic realm="a\", Digest realm=\"b"`:  `Basic realm=a", Digest realm="b`,
		`Basic realm="a\\", Digest nonce=n`:    `Basic realm=a\; Digest nonce=n`,
		`Basic realm=a,Digest realm=b,nonce=n`: `Basic realm=a; Digest nonce=n realm=b`,
		`Digest realm="a", nonce="n", Basic realm="b"`:                               `Digest nonce=n realm=a; Basic realm=b`,
		`Negotiate, Basic realm="b"`:                                                 `Negotiate; Basic realm=b`,
		`Negotiate YII/+~.-_=, Basic realm=b`:                                        `Negotiate; Basic realm=b`,
		`NTLM TlRMTVNTUAAB==,Digest nonce=n`:                                         `NTLM; Digest nonce=n`,
		`Digest qop="auth,auth-int", nonce=n, Basic`:                                 `Digest nonce=n qop=auth,auth-int; Basic`,
		`Digest qop=auth,auth-int, nonce=n, Basic realm=b`:                           `Digest nonce=n qop=auth,auth-int; Basic realm=b`,
		`Digest NONCE=n, nonce=m`:                                                    `Digest nonce=n`,
		`Newauth realm="apps", type=1, title="Login to \"a\"", Basic realm="simple"`: `Newauth realm=apps title=Login to "a" type=1; Basic realm=simple`,
		`realm="nobody's", Basic realm="b"`:                                          `Basic realm=b`,
		`"quoted", Basic`:                                                            `Basic`,
		`; @ Basic, Digest nonce=n`:                                                  `Digest nonce=n`,
		`Digest realm="open, nonce=n, Basic`:                                         `Digest realm=open, nonce=n, Basic`,
		`Digest realm=, nonce=n, Basic`:                                              `Digest nonce=n; Basic`, // "realm=" is a token68
		`Digest nonce="a"b, Basic`:                                                   `Digest nonce=a; b; Basic`,
		`Basic realm="Größe", charset="UTF-8"`:                                       `Basic charset=UTF-8 realm=Größe`,
		`Digest realm="a\`:                                                           `Digest realm=a\`,
		`Bearer realm="https://x/?a=b,c", Basic`:                                     `Bearer realm=https://x/?a=b,c; Basic`,
	} {
		if got := challengesText(parseChallenges([]string{value})); got != want {
			t.Errorf("%s is %s, want %s", value, got, want)
		}
	}
	// A line of its own begins with a scheme.
	if got := challengesText(parseChallenges([]string{`Digest nonce=n`, `Basic realm=b`, `Negotiate`})); got != "Digest nonce=n; Basic realm=b; Negotiate" {
		t.Error(got)
	}
}

func challengesText(all []httpChallenge) string {
	var texts []string
	for _, c := range all {
		var params []string
		for name, value := range c.params {
			params = append(params, name+"="+value)
		}
		slices.Sort(params)
		texts = append(texts, strings.TrimSpace(c.name+" "+strings.Join(params, " ")))
	}
	return strings.Join(texts, "; ")
}

// TestStrongestLogin checks that the strongest login that a server offers is taken, wherever it stands.
func TestStrongestLogin(t *testing.T) {
	t.Parallel()
	const md5, sha, sha512, basic = `Digest realm="r", nonce="n", algorithm=MD5, qop="auth"`, `Digest realm="r", nonce="n", algorithm="sha-256", qop="auth"`,
		`Digest realm="r", nonce="n", algorithm=SHA-512-256`, `Basic realm="b"`
	for want, offers := range map[string][]string{
		"SHA-512-256": {md5 + ", " + basic + ", " + sha512 + ", " + sha},
		"sha-256":     {basic, md5 + "," + sha},
		"MD5":         {basic + ", " + md5},
		"":            {basic, `Digest realm="r", nonce="n"`},
		"basic":       {`Negotiate, NTLM, ` + basic + `, Digest realm="r", nonce="n", qop="auth-int"`, `Digest nonce="n", algorithm=MD5-sess`},
		"none":        {`Negotiate, Bearer realm="Basic, Digest"`},
	} {
		l := httpLogin{username: "u"}
		again := l.learn(http.Header{"Www-Authenticate": offers})
		got := "none"
		switch {
		case l.challenge != nil:
			got = l.challenge.Algorithm
		case l.basic:
			got = "basic"
		}
		if got != want || again != (want != "none") {
			t.Errorf("%q: %s, want %s", offers, got, want)
		}
	}
}

// FuzzChallenges checks that any field is split in time, and that what was split is found again when it is joined.
func FuzzChallenges(f *testing.F) {
	f.Add(`Digest realm="a, b", nonce="n\"", qop=auth,auth-int, Basic realm=b`)
	f.Add(`Negotiate YII/+==, , Basic`)
	f.Add(`Digest realm="open`)
	f.Fuzz(func(t *testing.T, value string) {
		all := parseChallenges([]string{value})
		var lines []string
		for _, c := range all {
			if c.name == "" || strings.ContainsAny(c.name, " ,=\"") {
				t.Fatalf("%q has the scheme %q", value, c.name)
			}
			line := c.name
			for name, param := range c.params {
				line += fmt.Sprintf(` %s="%s",`, name, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(param))
			}
			lines = append(lines, line)
		}
		again := parseChallenges([]string{strings.Join(lines, ", ")})
		if got, want := challengesText(again), challengesText(all); got != want {
			t.Errorf("%q is %s, and joined again %s", value, want, got)
		}
	})
}
