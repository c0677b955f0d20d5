package realservers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// configureProFTPD writes the configuration for ProFTPD.
func (s *Server) configureProFTPD(program string) []string {
	s.t.Helper()
	s.write("users", fmt.Sprintf("%s:%s:%d:%d::%s:/bin/sh\n", Username, s.hash(), nobody, nobody, s.Folder))
	lines := []string{
		"ModulePath " + s.modules(filepath.Dir(program)),
		"ServerType standalone", "DefaultServer on", "User nobody", "Group nogroup", "UseReverseDNS off",
		"UseIPv6 on", "SocketBindTight on", "DefaultAddress " + s.address, fmt.Sprintf("Port %d", s.block.control()),
		fmt.Sprintf("PassivePorts %d %d", s.block.firstData(), s.block.lastData()),
		"PidFile " + s.path("pid"), "ScoreboardFile " + s.path("scoreboard"), "DelayEngine off", "SystemLog " + s.path("log"),
		"TransferLog none", "WtmpLog off",
		"AuthOrder mod_auth_file.c", "AuthUserFile " + s.path("users"), "RequireValidShell off", "DefaultRoot ~", "Umask 022",
		"AllowStoreRestart on", "AllowOverwrite " + onOff(!s.options.NoOverwrite),
	}
	if s.options.ReadOnly {
		lines = append(lines, "<Limit WRITE>", "DenyAll", "</Limit>")
	}
	if len(s.options.Deny) > 0 {
		lines = append(lines, "<Limit "+strings.Join(s.options.Deny, " ")+">", "DenyAll", "</Limit>")
	}
	if s.options.Hash {
		lines = append(lines, "LoadModule mod_digest.c", "DigestEngine on")
	}
	if s.options.TLS {
		lines = append(lines, "LoadModule mod_tls.c", "TLSEngine on", "TLSRequired on", "TLSVerifyClient off", "TLSLog "+s.path("tls.log"),
			"TLSECCertificateFile "+s.path(certificateFile), "TLSECCertificateKeyFile "+s.path(keyFile))
		if s.options.MaxTLS12 {
			lines = append(lines, "TLSProtocol TLSv1.2")
		}
	}
	lines = append(lines, s.options.Lines...)
	s.write("proftpd.conf", strings.Join(lines, "\n")+"\n")
	return []string{program, "--nodaemon", "--quiet", "--config", s.path("proftpd.conf")}
}

// modules returns the folder of ProFTPD's modules.
func (s *Server) modules(programs string) string {
	s.t.Helper()
	for _, folder := range []string{filepath.Join(programs, "modules"), "/usr/lib/proftpd", "/usr/libexec/proftpd", "/usr/lib64/proftpd"} {
		if _, err := os.Stat(filepath.Join(folder, "mod_tls.so")); err == nil {
			return folder
		}
	}
	lack(s.t, "the module mod_tls of proftpd is not installed (.ci/servers does it)")
	return ""
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}
