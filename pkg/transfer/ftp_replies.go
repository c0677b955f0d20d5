package transfer

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// belongs reports whether a final reply can be the answer to the last command. A code of success that only other commands
// have means that the replies are out of step: all that follows would be taken for the answer to something else.
func (c *control) belongs(code int) bool {
	if code >= 400 {
		return true
	}
	only := map[string][]int{
		"SIZE": {213}, "RNFR": {350}, "EPSV": {229}, "MLST": {250}, "RNTO": {200, 202, 250}, "DELE": {200, 202, 250},
		"HASH": {200, 213, 250}, "XSHA256": {200, 213, 250}, "USER": {230, 231, 232, 331, 332}, "FEAT": {200, 211, 214},
		"PASS": {200, 202, 230, 231, 232, 331, 332}, "ACCT": {200, 202, 230, 231, 232, 331, 332},
	}
	if codes, ok := only[c.verb]; ok {
		return slices.Contains(codes, code)
	}
	if c.transfers() {
		return code == 200 || code == 225 || code == 226 || code == 250 || code == 332
	}
	return code < 300 || strings.HasPrefix(c.command, "OPTS UTF8")
}

// normalize gives a reply the code that the library knows for it: 250 ends a transfer as well as 226 does (RFC 959,
// 5.4), 202 says that nothing more is needed for a login, and where one code of success is meant servers send another.
func (c *control) normalize(r reply) reply {
	done := r.code >= 200 && r.code < 300
	switch {
	case r.code == 421:
		c.broken = true
		c.kept = &answer{reply: r} // it is the answer to whatever is asked from now on
	case c.verb == "FEAT" && r.code == 211:
		c.features = r.lines
	case strings.HasPrefix(c.command, "OPTS UTF8"): // optional: names are UTF-8 anyway
		r.code = 200
	case c.verb == "PASV":
		r = passive(r, done)
	case c.verb == "EPSV" && r.code == 229:
		r = extendedPassive(r)
	case c.verb == "DELE" && r.code == 202: // "not implemented, superfluous"
		r.code = 502
	case done:
		r.code = c.successCode(r.code)
	}
	c.last = r
	return r
}

// successCode returns the code by which the library knows that the last command succeeded.
func (c *control) successCode(code int) int {
	switch c.verb {
	case "STOR", "RETR", "LIST", "NLST":
		return 226
	case "PASS", "ACCT":
		return 230
	case "TYPE", "PBSZ", "PROT":
		return 200
	case "CWD", "DELE", "RNTO":
		return 250
	case "MKD":
		return 257
	}
	return code
}

// passive returns the answer to PASV as the library reads it. RFC 1123, 4.1.2.6 has clients look for the six numbers, with
// or without parentheses, whatever stands around them.
func passive(r reply, done bool) reply {
	found := regexp.MustCompile(`\d+(?:\s*,\s*\d+){5,}`).FindAllString(r.text(), -1)
	if !done || len(found) != 1 {
		return r
	}
	numbers := strings.FieldsFunc(found[0], func(c rune) bool { return c < '0' || c > '9' })
	for _, number := range numbers {
		if n, err := strconv.Atoi(number); err != nil || n > 255 || len(numbers) != 6 {
			return r
		}
	}
	return reply{227, []string{"(" + strings.Join(numbers, ",") + ")"}}
}

// extendedPassive returns the answer to EPSV as the library reads it. RFC 2428, 3 lets the server choose the sign that
// separates, and some fill in the protocol and the address.
func extendedPassive(r reply) reply {
	text := r.text()
	for at := range len(text) {
		sign := text[at]
		if sign < '!' || sign > '~' || sign >= '0' && sign <= '9' {
			continue
		}
		fields := strings.Split(text[at+1:], string(sign))
		if len(fields) < 4 || strings.ContainsAny(fields[0]+fields[1], " \t") {
			continue
		}
		if port, err := strconv.Atoi(fields[2]); err == nil {
			return reply{229, []string{fmt.Sprintf("(|||%d|)", port)}}
		}
	}
	return r
}
