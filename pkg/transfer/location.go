package transfer

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// host is the server without the brackets of an IPv6 address.
func (a Access) host() string {
	return strings.TrimSuffix(strings.TrimPrefix(a.Server, "["), "]")
}

// port is the port that is spoken to.
func (a Access) port() int {
	switch {
	case a.Port != 0:
		return a.Port
	case a.method() == HTTPS:
		return 443
	}
	return 21
}

// baseURL is the folder by HTTPS.
func (a Access) baseURL() (*url.URL, error) {
	if a.BaseURL != "" {
		return url.Parse(a.BaseURL)
	}
	return &url.URL{Scheme: "https", Host: a.hostPort(443), Path: "/"}, nil
}

// hostPort is the server as it stands in a URL, where the usual port is left out.
func (a Access) hostPort(usual int) string {
	host := a.host()
	if a.port() != usual {
		return net.JoinHostPort(host, strconv.Itoa(a.port()))
	}
	if address, err := netip.ParseAddr(host); err == nil && address.Is6() {
		return "[" + host + "]"
	}
	return host
}

// FileURL is where a file of the folder lies: ftp://, ftps:// or https://, without login. A folder of FTP that begins at
// the root rather than at the login folder begins with %2F (RFC 1738, 3.2.2). The access data must be valid.
func (a Access) FileURL(name string) string {
	if a.method() == HTTPS {
		base, err := a.baseURL()
		if err != nil {
			return ""
		}
		return base.JoinPath(url.PathEscape(name)).String()
	}
	location := string(a.method()) + "://" + a.hostPort(21) + "/"
	if strings.HasPrefix(a.Path, "/") {
		location += "%2F"
	}
	for folder := range strings.SplitSeq(a.Path, "/") {
		if folder != "" {
			location += url.PathEscape(folder) + "/"
		}
	}
	return location + url.PathEscape(name)
}
