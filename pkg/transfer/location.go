package transfer

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// host returns the server without the brackets of an IPv6 address.
func (a Access) host() string {
	return strings.TrimSuffix(strings.TrimPrefix(a.Server, "["), "]")
}

// port returns the port, or the default of the method.
func (a Access) port() int {
	switch {
	case a.Port != 0:
		return a.Port
	case a.method() == HTTPS:
		return 443
	}
	return 21
}

// baseURL returns the URL of the folder by HTTPS.
func (a Access) baseURL() (*url.URL, error) {
	if a.BaseURL != "" {
		return url.Parse(a.BaseURL)
	}
	return &url.URL{Scheme: "https", Host: a.hostPort(443), Path: "/"}, nil
}

// hostPort returns the server as it stands in a URL, without the default port.
func (a Access) hostPort(defaultPort int) string {
	host := a.host()
	if a.port() != defaultPort {
		return net.JoinHostPort(host, strconv.Itoa(a.port()))
	}
	if address, err := netip.ParseAddr(host); err == nil && address.Is6() {
		return "[" + host + "]"
	}
	return host
}

// FileURL returns the URL of a file of the folder: ftp://, ftps:// or https://, without login. A path of FTP that begins at
// the root rather than at the login directory begins with %2F (RFC 1738, 3.2.2). The access data must be valid.
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
