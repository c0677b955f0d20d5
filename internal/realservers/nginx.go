package realservers

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
)

// configureNginx writes the configuration for nginx with WebDAV's simple methods. Debian's has no digest login.
func (s *Server) configureNginx(program string) []string {
	s.t.Helper()
	for _, folder := range []string{"temporary"} {
		s.must(os.MkdirAll(s.path(folder), 0o700))
	}
	s.write("users", Username+":{PLAIN}"+s.options.password()+"\n")
	methods := []string{}
	for _, method := range []string{"PUT", "DELETE", "MKCOL", "MOVE"} {
		if !slices.Contains(s.options.Deny, method) {
			methods = append(methods, method)
		}
	}
	protocols := "TLSv1.2 TLSv1.3"
	if s.options.MaxTLS12 {
		protocols = "TLSv1.2"
	}
	lines := []string{
		"root " + s.Folder, "listen " + net.JoinHostPort(s.address, strconv.Itoa(s.block.control())) + " ssl",
		"ssl_certificate " + s.path(certificateFile), "ssl_certificate_key " + s.path(keyFile), "ssl_protocols " + protocols,
		"dav_methods " + strings.Join(methods, " "), "create_full_put_path off", "client_max_body_size 0", "autoindex off",
	}
	if !s.options.NoLogin {
		lines = append(lines, `auth_basic "files"`, "auth_basic_user_file "+s.path("users"))
	}
	rules := ""
	if s.options.ReadOnly {
		rules = "location / { limit_except GET { deny all; } }\n"
	}
	if s.options.NoOverwrite {
		// In the access phase: by then the login has been looked at, and the body has not.
		rules = "location / { if ($replaces = PUT.) { return 412; } }\n"
	}
	s.refuse("nginx", s.options.Hash, "Hash")
	temporary := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += fmt.Sprintf("%s_temp_path %s;\n", kind, s.path("temporary/"+kind))
	}
	s.write("nginx.conf", "daemon off;\nmaster_process off;\npid "+s.path("pid")+";\nevents {}\nhttp {\n"+temporary+
		"access_log "+s.path("log")+";\nserver {\n"+strings.Join(lines, ";\n")+";\n"+
		"set $there \"\";\nif (-f $request_filename) { set $there .; }\nset $replaces $request_method$there;\n"+rules+"}\n}\n")
	return []string{program, "-e", s.path("output"), "-p", s.work, "-c", s.path("nginx.conf")}
}
