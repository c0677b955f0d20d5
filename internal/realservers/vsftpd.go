package realservers

import (
	"fmt"
	"os"
	"strings"
)

// configureVSFTPD writes the configuration for vsftpd. It knows local users only, whom it checks with PAM. So it runs in
// a mount namespace of its own, in which the system's users and PAM services are ours.
func (s *Server) configureVSFTPD(program string) []string {
	s.t.Helper()
	for _, folder := range []string{"empty", "pam.d"} {
		s.must(os.MkdirAll(s.path(folder), 0o755)) //nolint:gosec // the server looks for a user's access
	}
	s.write("passwd", fmt.Sprintf("root:x:0:0::/:/bin/sh\nnobody:x:%d:%d::/:/bin/false\n%s:x:%[1]d:%[2]d::%[4]s:/bin/sh\n",
		nobody, nobody, Username, s.Folder))
	s.must(os.Chmod(s.path("passwd"), 0o644)) //nolint:gosec // like the system's
	s.write("shadow", "root:*:1::::::\nnobody:*:1::::::\n"+Username+":"+s.hash()+":1::::::\n")
	s.write("pam.d/vsftpd", "auth required pam_unix.so nodelay\naccount required pam_permit.so\nsession required pam_permit.so\n")

	lines := []string{
		fmt.Sprintf("listen=%s", yes(!s.options.IPv6)), fmt.Sprintf("listen_ipv6=%s", yes(s.options.IPv6)),
		fmt.Sprintf("listen_port=%d", s.block.control()),
		fmt.Sprintf("pasv_min_port=%d", s.block.firstData()), fmt.Sprintf("pasv_max_port=%d", s.block.lastData()),
		"background=NO", "anonymous_enable=NO", "local_enable=YES", "pam_service_name=vsftpd", "delay_failed_login=0",
		"chroot_local_user=YES", "allow_writeable_chroot=YES", "secure_chroot_dir=" + s.path("empty"), "local_umask=022",
		"seccomp_sandbox=NO", "isolate=NO", "isolate_network=NO",
		"xferlog_enable=YES", "log_ftp_protocol=YES", "vsftpd_log_file=" + s.path("log"),
		"write_enable=" + yes(!s.options.ReadOnly),
	}
	if s.options.IPv6 {
		lines = append(lines, "listen_address6=::1")
	} else {
		lines = append(lines, "listen_address=127.0.0.1")
	}
	if len(s.options.Deny) > 0 {
		lines = append(lines, "cmds_denied="+strings.Join(s.options.Deny, ","))
	}
	if s.options.TLS {
		lines = append(lines, "ssl_enable=YES", "force_local_data_ssl=YES", "force_local_logins_ssl=YES", "require_ssl_reuse=YES",
			"ssl_ciphers=HIGH", "rsa_cert_file="+s.path(certificateFile), "rsa_private_key_file="+s.path(keyFile))
	}
	lines = append(lines, s.options.Lines...)
	s.refuse("vsftpd", s.options.Hash, "Hash")
	s.write("vsftpd.conf", strings.Join(lines, "\n")+"\n")

	script := `cd "$1" && mount --bind pam.d /etc/pam.d && mount --bind passwd /etc/passwd && mount --bind shadow /etc/shadow && exec "$2" vsftpd.conf`
	return []string{"unshare", "--mount", "sh", "-c", script, "sh", s.work, program}
}

func yes(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}
