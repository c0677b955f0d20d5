package serve_test

import (
	"io"
	"strings"
	"testing"
)

// Nothing can be changed, and nothing is seen but the one file.
func TestServeFTPRefuses(t *testing.T) {
	t.Parallel()
	d := openFTP(t)
	o, _ := d.offer(content(1000))
	other, _ := d.offer(content(1000), elsewhere)
	c := d.dialogue(loopback)
	for _, command := range []string{"RETR " + name, "LIST", "PASV", "EPSV", "PORT 127,0,0,1,4,1", "STOR x", "STAT", "HELP", "AUTH TLS", "XCUP"} {
		if reply := c.say(command); !strings.HasPrefix(reply, "530") {
			t.Errorf("%s without login: %s", command, reply)
		}
	}
	c.login(o)
	for _, command := range []string{
		"STOR x", "STOR " + name, "APPE " + name, "STOU", "DELE " + name, "RNFR " + name, "RNTO x", "MKD x", "XMKD x", "RMD /", "XRMD /",
		"SITE CHMOD 777 " + name, "SITE", "SITE MKDIR x", "ALLO 5", "MFMT 20240101000000 " + name, "COMB x " + name, "HASH " + name,
		"XSHA256 " + name, "STAT", "STAT /", "AUTH TLS", "PROT P", "REIN", "SMNT /", "NONSENSE", "", "MODE Z", "MODE B", "TYPE E", "STRU R",
		"RETR /etc/passwd", "RETR ../../etc/passwd", "RETR x", "RETR", "RETR /", "SIZE /etc/passwd", "CWD /etc", "CWD " + name, "MDTM x", "LIST /etc", "MLST x",
		"PORT 127,0,0,2,4,1", "EPRT |1|127.0.0.2|1025|", "EPRT |2|::1|1025|", "EPRT |1|8.8.8.8|1025|", "PORT 8,8,8,8,4,1", "PORT 127,0,0,1", "EPRT |1|127.0.0.1|99999|",
		"REST x",
	} {
		if reply := c.say(command); reply[0] != '5' && reply[0] != '4' {
			t.Errorf("%s: %s", command, reply)
		}
	}
	for command, want := range map[string]string{
		"PWD": `257 "/" is the current directory`, "CDUP": "250", "CWD /": "250", "CWD .": "250", "TYPE A": "200", "TYPE I": "200", "STRU F": "200",
		"MODE S": "200", "SYST": "215", "NOOP": "200", "FEAT": "211", "OPTS UTF8 ON": "200", "\xff\xf4\xff\xf2ABOR": "226",
	} {
		if reply := c.say(command); !strings.HasPrefix(reply, want) || strings.Contains(strings.ToLower(reply), "golang") {
			t.Errorf("%s: %s", command, reply)
		}
	}
	for _, offset := range []string{"1001", "-1", "9223372036854775807"} {
		c.say("REST " + offset)
		if reply := c.say("RETR " + name); reply[0] != '5' {
			t.Errorf("from %s: %s", offset, reply)
		}
	}
	if f := o.State(); f.Requests != 0 || f.Sent != 0 {
		t.Errorf("%+v", f)
	}
	o.Withdraw()
	for _, command := range []string{"RETR " + name, "SIZE " + name} {
		if reply := c.say(command); reply[0] != '5' {
			t.Errorf("%s: %s", command, reply)
		}
	}
	username, password := other.Login()
	for _, login := range [][2]string{
		{username, password.Reveal()}, // from the wrong address
		{"cp00000000", password.Reveal()}, {username, ""}, {"", ""}, {"anonymous", "a@example.net"},
	} {
		c := d.dialogue(loopback)
		c.say("USER " + login[0])
		if reply := c.say("PASS " + login[1]); reply != "530 Authentication error: refused" {
			t.Errorf("%q: %s", login, reply)
		}
		if _, err := c.ReadLine(); err == nil {
			t.Error("it may try again")
		}
	}
	c = d.dialogue(loopback)
	_ = c.PrintfLine("%s", "USER "+strings.Repeat("x", 5000)) // it may be closed before all of that is out
	if answer, _ := io.ReadAll(c.raw); len(answer) > 100 {
		t.Errorf("a long line: %q", answer)
	}
}
