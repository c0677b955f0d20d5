//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/cpupdate/cpupdate/internal/ports"
	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// TestServersPage starts every server that docs/servers.md shows, with the very configuration that stands there, and runs
// the commands that go with it: what they print is what the page shows, and the phones' login reads and cannot write.
func TestServersPage(t *testing.T) {
	t.Parallel()
	page := readPage(t, "servers.md")
	for name, kind := range map[string]realservers.Kind{
		"vsftpd-tls": realservers.VSFTPD, "vsftpd-plain": realservers.VSFTPD, "nginx": realservers.Nginx,
	} {
		t.Run(name, func(t *testing.T) {
			realservers.Require(t, kind)
			site := newPageSite(t, page)
			start := site.vsftpd
			if kind == realservers.Nginx {
				start = site.nginx
			}
			start(name)
			page.compare(t, "server="+name, 1, site.shell)
			site.phonesRead(name)
			site.tryDefaults(name)
		})
	}
}

// A pageSite is a server as a page describes it, with ports, folders and users that a test may use.
type pageSite struct {
	t       *testing.T
	page    *docPage
	work    string // the server's files, and where the commands run
	served  string // the folder with the images
	port    int
	address string // 127.0.0.1:port
}

// The users of the page and their passwords.
func pageUsers() map[string]string {
	return map[string]string{"technician": "write-canary-31", "phones": "read-canary-52"}
}

func newPageSite(t *testing.T, page *docPage) *pageSite {
	t.Helper()
	s := &pageSite{t: t, page: page, work: t.TempDir()}
	// Servers work as users of their own, which have to get through the test's folders.
	for folder := s.work; strings.HasPrefix(folder, filepath.Clean(os.TempDir())+"/"); folder = filepath.Dir(folder) {
		s.must(os.Chmod(folder, 0o755))
	}
	for user, password := range pageUsers() {
		s.write(user+".secret", password+"\n")
	}
	s.port = ports.Reserve(t)
	s.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	s.run(strings.ReplaceAll(page.block(t, "certificate"), "DNS:files.example", "IP:127.0.0.1"))
	s.run(`head -c 300000 /dev/zero > app.bin && cpupdate pack app.bin -q -o cp600.bind --model CP600 --software-type "Unify HFA" --software-version "V1 R9.2.0" --hw-levels 1-3,5`)
	pin := strings.Fields(s.run(page.block(t, "pin")))[0]
	if want := trust.PinOf(s.certificate()).String(); "sha256:"+pin != want {
		t.Errorf("the command for a pin prints %s, the pin is %s", pin, want)
	}
	return s
}

// shell runs a command of the page, and returns what it prints as the page would show it.
func (s *pageSite) shell(line string) string {
	line = strings.ReplaceAll(line, "https://files.example/", "https://"+s.address+"/")
	line = strings.ReplaceAll(line, "--server files.example", fmt.Sprintf("--server 127.0.0.1 --port %d", s.port))
	defaultPort := 21
	if strings.Contains(line, "https://") {
		defaultPort = 443
	}
	return asExample(s.run(line), s.address, defaultPort)
}

// run runs shell lines in the folder of the site.
func (s *pageSite) run(lines string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "sh", "-uc", lines)
	cmd.Dir = s.work
	cmd.Env = append(os.Environ(), "HOME="+s.work, "XDG_CONFIG_HOME="+s.work, "CPUPDATE_CONFIG=", "CPUPDATE_PASSWORD=", "CPUPDATE_JOURNAL="+filepath.Join(s.work, "journal.db"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Errorf("%s: %v\n%s", lines, err, out)
	}
	return string(out)
}

// vsftpd starts vsftpd with the page's configuration. In a mount namespace of its own the system's users, and the PAM
// service that the page shows, are the page's.
func (s *pageSite) vsftpd(name string) {
	home := s.folder("ftp", 0)
	s.served = s.folder("ftp/firmware", nobodyID)
	s.folder("users", 0)
	s.folder("pam.d", 0)
	s.folder("empty", 0)
	s.write("pam.d/firmware", s.page.block(s.t, "pam"))
	s.write("users/phones", s.page.block(s.t, "phones"))
	passwd, shadow := "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", "root:*:1::::::\nnobody:*:1::::::\n"
	for user := range pageUsers() {
		passwd += fmt.Sprintf("%s:x:%d:%[2]d::%s:/usr/sbin/nologin\n", user, nobodyID, home)
		shadow += user + ":" + strings.TrimSpace(s.run("openssl passwd -6 -stdin < "+user+".secret")) + ":1::::::\n"
	}
	s.write("passwd", passwd)
	s.write("shadow", shadow)
	text := s.replace(s.page.block(s.t, name),
		"listen_port=21\n", fmt.Sprintf("listen_port=%d\n", s.port),
		"pasv_min_port=40000\n", fmt.Sprintf("pasv_min_port=%d\n", s.port+1),
		"pasv_max_port=40050\n", fmt.Sprintf("pasv_max_port=%d\n", s.port+ports.Count-1),
		"/etc/vsftpd-users", filepath.Join(s.work, "users"))
	if strings.Contains(text, "ssl_enable") {
		text = s.replace(text, "/etc/vsftpd.pem", filepath.Join(s.work, "server.pem"), "/etc/vsftpd.key", filepath.Join(s.work, "server.key"))
	}
	// What the page need not show: the empty folder of another system, and what containers do not permit.
	s.write("vsftpd.conf", text+"secure_chroot_dir="+filepath.Join(s.work, "empty")+
		"\nlisten_address=127.0.0.1\nbackground=NO\nseccomp_sandbox=NO\nisolate=NO\nisolate_network=NO\n")
	program, _ := realservers.Find(realservers.VSFTPD)
	script := `mount --bind pam.d /etc/pam.d && mount --bind passwd /etc/passwd && mount --bind shadow /etc/shadow && exec "$1" vsftpd.conf`
	s.start("unshare", "--mount", "sh", "-c", script, "sh", program)
}

// nobodyID is the user that the servers work as.
const nobodyID = 65534

// nginx starts nginx with the page's server in an http block of ours.
func (s *pageSite) nginx(name string) {
	s.served = s.folder("files", nobodyID)
	s.folder("incoming", nobodyID)
	s.run(s.page.block(s.t, "passwords"))
	text := s.replace(s.page.block(s.t, name),
		"listen 443 ssl", fmt.Sprintf("listen 127.0.0.1:%d ssl", s.port),
		"/srv/firmware/", s.work+"/", "/etc/nginx/", s.work+"/")
	temporary := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += fmt.Sprintf("%s_temp_path %s;\n", kind, filepath.Join(s.work, "temporary-"+kind))
	}
	s.write("nginx.conf", "daemon off;\nmaster_process off;\npid "+filepath.Join(s.work, "pid")+";\nevents {}\nhttp {\naccess_log off;\n"+temporary+text+"}\n")
	program, _ := realservers.Find(realservers.Nginx)
	s.start(program, "-e", filepath.Join(s.work, "log"), "-p", s.work, "-c", filepath.Join(s.work, "nginx.conf"))
}

// start starts a server, waits until it takes connections, and ends it with the test.
func (s *pageSite) start(command ...string) {
	s.t.Helper()
	output := filepath.Join(s.work, "output")
	file, err := os.Create(output)
	s.must(err)
	defer file.Close()
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.work, file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	s.must(cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	s.t.Cleanup(func() {
		select {
		case <-ended: // the number may be another's by now
		default:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		<-ended
	})
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for begun := time.Now(); ; <-ticker.C {
		conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
		default:
			if time.Since(begun) < 20*time.Second {
				continue
			}
		}
		said, _ := os.ReadFile(output)
		s.t.Fatalf("%s does not start: %v\n%s", command[0], err, said)
	}
}

// phonesRead reads the image with the phones' login, and tries to write and remove with it.
func (s *pageSite) phonesRead(name string) {
	s.t.Helper()
	want, err := os.ReadFile(filepath.Join(s.work, "cp600.bind"))
	s.must(err)
	read, write := s.byFTP, s.changeByFTP
	if name == "nginx" {
		read, write = s.byHTTPS, s.changeByHTTPS
	}
	if got := read("phones"); string(got) != string(want) {
		s.t.Errorf("phones read %d bytes, want %d", len(got), len(want))
	}
	write("phones")
	if got := read("technician"); string(got) != string(want) {
		s.t.Errorf("after the phones' login had tried to change it, the image has %d bytes, want %d", len(got), len(want))
	}
}

// tryDefaults sends the small file of defaults test, and removes it.
func (s *pageSite) tryDefaults(name string) {
	s.t.Helper()
	settings := fmt.Sprintf("--method ftp --server 127.0.0.1 --port %d --path firmware", s.port)
	switch name {
	case "vsftpd-tls":
		settings = strings.Replace(settings, "--method ftp", "--method ftps --ca server.pem", 1)
	case "nginx":
		settings = "--method https --ca server.pem --base-url https://" + s.address + "/firmware/"
	}
	s.run("cpupdate --config site.toml -q defaults set --username technician " + settings)
	s.run("cpupdate --config site.toml defaults test --password-file technician.secret")
	left, err := os.ReadDir(s.served)
	s.must(err)
	if len(left) != 1 || left[0].Name() != "cp600.bind" {
		s.t.Errorf("left in the folder: %v", left)
	}
}

func (s *pageSite) byFTP(user string) []byte {
	s.t.Helper()
	c := s.logIn(user)
	defer func() { _ = c.Quit() }()
	r, err := c.Retr("firmware/cp600.bind")
	s.must(err)
	defer r.Close()
	got, err := io.ReadAll(r)
	s.must(err)
	return got
}

func (s *pageSite) changeByFTP(user string) {
	s.t.Helper()
	c := s.logIn(user)
	defer func() { _ = c.Quit() }()
	if c.Stor("firmware/new.bind", strings.NewReader("x")) == nil || c.Delete("firmware/cp600.bind") == nil ||
		c.Rename("firmware/cp600.bind", "firmware/x") == nil || c.MakeDir("firmware/folder") == nil {
		s.t.Errorf("%s may write", user)
	}
}

// logIn logs in as a phone does, by plain FTP.
func (s *pageSite) logIn(user string) *ftp.ServerConn {
	s.t.Helper()
	c, err := ftp.Dial(s.address, ftp.DialWithTimeout(10*time.Second))
	s.must(err)
	s.must(c.Login(user, pageUsers()[user]))
	return c
}

func (s *pageSite) byHTTPS(user string) []byte {
	s.t.Helper()
	status, got := s.ask(user, http.MethodGet, "cp600.bind")
	if status != http.StatusOK {
		s.t.Errorf("%s gets %d", user, status)
	}
	return got
}

func (s *pageSite) changeByHTTPS(user string) {
	s.t.Helper()
	for _, method := range []string{http.MethodPut, http.MethodDelete, "MOVE", "MKCOL"} {
		if status, _ := s.ask(user, method, "cp600.bind"); status < 400 {
			s.t.Errorf("%s: %s is answered with %d", user, method, status)
		}
	}
	if status, _ := s.ask("", http.MethodGet, "cp600.bind"); status != http.StatusUnauthorized {
		s.t.Errorf("without a login the answer is %d", status)
	}
}

func (s *pageSite) ask(user, method, name string) (int, []byte) {
	s.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.certificate())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(s.t.Context(), method, "https://"+s.address+"/firmware/"+name, nil)
	s.must(err)
	if user != "" {
		r.SetBasicAuth(user, pageUsers()[user])
	}
	answer, err := client.Do(r)
	s.must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	s.must(err)
	return answer.StatusCode, body
}

// certificate reads the certificate that the page's command made.
func (s *pageSite) certificate() *x509.Certificate {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.work, "server.pem"))
	s.must(err)
	block, _ := pem.Decode(text)
	if block == nil {
		s.t.Fatal("server.pem is no PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	s.must(err)
	return certificate
}

// replace puts something else in the place of each text, which must be there.
func (s *pageSite) replace(text string, pairs ...string) string {
	s.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			s.t.Errorf("the page's example has no %q any more:\n%s", pairs[i], text)
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

func (s *pageSite) folder(name string, owner int) string {
	s.t.Helper()
	path := filepath.Join(s.work, name)
	s.must(os.Mkdir(path, 0o755))
	s.must(os.Chown(path, owner, owner))
	return path
}

func (s *pageSite) write(name, text string) {
	s.t.Helper()
	s.must(os.WriteFile(filepath.Join(s.work, name), []byte(text), 0o644))
}

func (s *pageSite) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
