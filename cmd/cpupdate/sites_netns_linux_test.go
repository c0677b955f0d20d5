package main

import (
	"bytes"
	"crypto/x509"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/natstest"
	"github.com/cpupdate/cpupdate/internal/testca"
)

// inNamespace is set in the process of TestSitesNamespaces that has a network of its own.
const inNamespace = "CPUPDATE_TEST_NAMESPACE"

// The line between a site and the centre.
const (
	lineDelay = 200 * time.Millisecond // in either direction
	lineLoss  = 20                     // one packet of so many is lost
)

// TestSitesNamespaces has two sites and a centre in network namespaces of their own, with processes of the programs. Each packet between them
// takes 200 ms, and 5 % are lost. The rollout ends right. A machine that does not allow namespaces or TUN devices skips it; TestSitesBadLines runs
// anywhere.
func TestSitesNamespaces(t *testing.T) {
	t.Parallel()
	if os.Getenv(inNamespace) != "" {
		runtime.LockOSThread() // its network is that of the site that is set up now; the thread ends with the test
		overNamespaces(t, natstest.Program(t))
		return
	}
	natstest.Program(t)
	var out bytes.Buffer
	var err error
	for _, flags := range []uintptr{syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET, syscall.CLONE_NEWNET} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSitesNamespaces$", "-test.v") //nolint:gosec // this program
		cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), inNamespace+"=1"), &out, &out
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
		if flags&syscall.CLONE_NEWUSER != 0 {
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
		}
		if err = cmd.Start(); err == nil {
			err = cmd.Wait()
			break
		}
	}
	_, reason, skipped := strings.Cut(out.String(), cannotSetUp)
	switch {
	case skipped:
		t.Skip(strings.TrimSpace(strings.SplitN(reason, "\n", 2)[0]))
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EACCES):
		t.Skipf("this machine allows no network namespaces: %v", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out.String())
	}
}

// cannotSetUp begins the reason why the machine does not allow the networks of the test.
const cannotSetUp = "this machine allows no networks of a test: "

// allowed skips the test if the machine does not allow a part of its networks.
func allowed(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Skipf("%s%s: %v", cannotSetUp, what, err)
	}
}

// overNamespaces carries out the rollout.
func overNamespaces(t *testing.T, program string) {
	t.Helper()
	allowed(t, "loopback", setUp("lo", "127.0.0.1", "255.0.0.0"))
	centre := namespace(t)
	folder := t.TempDir()
	names, image := []string{"berlin", "paris"}, newImageOf(t, 100<<10)
	certificate, key := clitest.ServiceFiles(t)
	authority := testca.NewAuthority(t)
	ca := clitest.File(t, "ca.pem", authority.PEM())
	swarms := map[string]*swarm{}
	var lines []*badLine
	var workers []func()
	for i, name := range names {
		here, there := fmt.Sprintf("10.77.%d.1", i), fmt.Sprintf("10.77.%d.2", i)
		outside := device(t, here)
		allowed(t, "another namespace", unix.Unshare(unix.CLONE_NEWNET))
		allowed(t, "loopback", setUp("lo", "127.0.0.1", "255.0.0.0"))
		lines = append(lines, connect(t, outside, device(t, there), uint64(i)))
		swarms[name] = newSwarm(t, 3, "--mac", fmt.Sprintf("00:1A:E8:00:%02X:01", i))
		args := []string{
			"rollout", "work", "--nats", "tls://" + here + ":4222", "--nats-ca", ca, "--site", name, "--image-cache", filepath.Join(folder, name),
			"--service-cert", certificate, "--service-key", key, "--listen", "127.0.0.1:0", "--contact-interval", "100ms", "--patience", "1m", "--probe-interval", "50ms",
		}
		site := namespace(t)
		workers = append(workers, func() {
			into(t, site)
			background(t, args)
			into(t, centre)
		})
		into(t, centre)
	}
	url := centreServer(t, program, folder, authority)
	list := joined(t, folder, names, swarms)
	flags := []string{"--nats", url, "--nats-ca", ca}
	atCentre := func(args ...string) ran {
		return runHere(t, nil, append(append([]string{"rollout"}, args...), flags...)...)
	}
	if r := atCentre("plan", image, "--phones", list, "--offline", "--name", "spring", "--pause", "none", "--waves", "2,rest", "--parallel", "2"); r.code != exit.CodeOK {
		t.Fatalf("plan: %d\n%s%s", r.code, r.out, r.errOut)
	}
	for _, begin := range workers {
		begin()
	}
	if r := atCentre("run", "spring"); r.code != exit.CodeOK {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	for i, name := range names {
		one := &sites{swarm: swarms[name]}
		one.agree()
		if carried, lost := lines[i].carried.Load(), lines[i].lost.Load(); carried == 0 || lost == 0 {
			t.Errorf("the line of %s carried %d packets and lost %d", name, carried, lost)
		}
	}
}

// background starts a worker as a process of its own. It ends with the test.
func background(t *testing.T, args []string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "cpupdate", args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%q:\n%s", args, out.String())
		}
	})
}

// centreServer starts a nats-server at the centre, and returns its address there.
func centreServer(t *testing.T, program, folder string, authority *testca.Authority) (url string) {
	t.Helper()
	certificate := authority.Issue(func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = nil, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 77, 0, 1), net.IPv4(10, 77, 1, 1)}
	})
	cert, key := clitest.File(t, "server.pem", testca.CertificatePEM(&certificate)), clitest.File(t, "server.key", testca.KeyPEM(t, &certificate))
	natstest.Start(t, program, fmt.Sprintf("listen: \"0.0.0.0:4222\"\njetstream { store_dir: %q }\ntls { cert_file: %q, key_file: %q }\n", folder, cert, key))
	return "tls://127.0.0.1:4222" // nobody else is in this network
}

// joined writes the phones of all sites into one list.
func joined(t *testing.T, folder string, names []string, swarms map[string]*swarm) (list string) {
	t.Helper()
	var all [][]string
	for _, name := range names {
		text, err := os.ReadFile(swarms[name].list)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if all == nil {
			all = rows[:1]
		}
		for _, row := range rows[1:] {
			row[slices.Index(rows[0], "site")] = name
			all = append(all, row)
		}
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(all); err != nil {
		t.Fatal(err)
	}
	list = filepath.Join(folder, "joined.csv")
	if err := os.WriteFile(list, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return list
}

// namespace returns the network that this thread has.
func namespace(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	allowed(t, "/proc", err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// into gives this thread another network, and with it the processes that it starts.
func into(t *testing.T, namespace *os.File) {
	t.Helper()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
}

// setUp gives a device of this thread's network an address.
func setUp(name, address, mask string) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	for _, set := range []struct {
		request uint
		value   string
	}{{unix.SIOCSIFADDR, address}, {unix.SIOCSIFNETMASK, mask}} {
		r, err := unix.NewIfreq(name)
		if err == nil {
			err = r.SetInet4Addr(net.ParseIP(set.value).To4())
		}
		if err == nil {
			err = unix.IoctlIfreq(socket, set.request, r)
		}
		if err != nil {
			return err
		}
	}
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, r)
}

// device makes a TUN device in this thread's network.
func device(t *testing.T, address string) *os.File {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	allowed(t, "/dev/net/tun", err)
	name := fmt.Sprintf("line%d", fd)
	r, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	allowed(t, "a TUN device", unix.IoctlIfreq(fd, unix.TUNSETIFF, r))
	allowed(t, "the address of a TUN device", setUp(name, address, "255.255.255.252"))
	f := os.NewFile(uintptr(fd), name)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// A badLine carries packets between two devices.
type badLine struct{ carried, lost atomic.Int64 }

// connect connects two devices.
func connect(t *testing.T, a, b *os.File, seed uint64) *badLine {
	t.Helper()
	l := &badLine{}
	go l.carry(a, b, rand.New(rand.NewPCG(seed, 1))) //nolint:gosec // losses
	go l.carry(b, a, rand.New(rand.NewPCG(seed, 2))) //nolint:gosec // losses
	return l
}

// carry carries packets in one direction until a device is closed.
func (l *badLine) carry(from, to *os.File, random *rand.Rand) {
	type packet struct {
		due  time.Time
		data []byte
	}
	packets := make(chan packet, 1<<12)
	defer close(packets)
	go func() {
		for p := range packets {
			time.Sleep(time.Until(p.due)) // the line is as long as that
			_, _ = to.Write(p.data)       // a device that is closed takes nothing
		}
	}()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if random.IntN(lineLoss) == 0 {
			l.lost.Add(1)
			continue
		}
		l.carried.Add(1)
		packets <- packet{time.Now().Add(lineDelay), bytes.Clone(buffer[:n])}
	}
}
