package netconn

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// A Lack is what this machine lacks for a connection.
type Lack string

// What may be lacking.
const (
	LackFiles      Lack = "files"      // file descriptors: of this process, or of the system
	LackPorts      Lack = "ports"      // free local ports
	LackMemory     Lack = "memory"     // memory for connections
	LackRoute      Lack = "route"      // a network, or a route
	LackPermission Lack = "permission" // a firewall or security software forbids it
	LackNames      Lack = "names"      // a name service that answers
)

// A MachineError is a connection that did not come about because of this machine: it says nothing of the peer.
type MachineError struct {
	What Lack
	Err  error // of the system, without addresses
}

// Error returns what this machine lacks, and the system's words.
func (e *MachineError) Error() string {
	text := map[Lack]string{
		LackFiles:      "this machine allows no more open files and connections",
		LackPorts:      "this machine has no free port",
		LackMemory:     "this machine has no memory left for connections",
		LackRoute:      "this machine has no route to it",
		LackPermission: "this machine does not permit the connection",
		LackNames:      "the name service of this machine does not answer",
	}[e.What]
	return text + ": " + e.Err.Error()
}

// Unwrap returns the system's error.
func (e *MachineError) Unwrap() error { return e.Err }

// Lacks returns what this machine lacks, for packages that cannot name the type.
func (e *MachineError) Lacks() string { return string(e.What) }

// Passes reports whether waiting may help: other connections of this process or machine end.
func (e *MachineError) Passes() bool {
	return e.What == LackFiles || e.What == LackPorts || e.What == LackMemory
}

// What Windows says, which syscall knows under no name that all systems have.
const (
	wsaAccess         = 10013
	wsaTooManyFiles   = 10024
	wsaAddressInUse   = 10048
	wsaNoAddress      = 10049
	wsaNetDown        = 10050
	wsaNetUnreachable = 10051
	wsaNoBuffers      = 10055
)

// lackOf returns what an error number of a failed connect says that this machine lacks, "" if it says something else. That a
// host is unreachable is said of the host: nobody on its network has the address.
func lackOf(code syscall.Errno) Lack {
	switch code {
	case syscall.EMFILE, syscall.ENFILE, wsaTooManyFiles:
		return LackFiles
	case syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EAGAIN, wsaAddressInUse, wsaNoAddress:
		return LackPorts
	case syscall.ENOBUFS, syscall.ENOMEM, wsaNoBuffers:
		return LackMemory
	case syscall.ENETUNREACH, syscall.ENETDOWN, wsaNetDown, wsaNetUnreachable:
		return LackRoute
	case syscall.EACCES, syscall.EPERM, wsaAccess:
		return LackPermission
	}
	return ""
}

// AsMachine returns the error of a failed dial as one of this machine, or nil if it says something of the peer.
func AsMachine(err error) *MachineError {
	if e := (*MachineError)(nil); errors.As(err, &e) {
		return e
	}
	var name *net.DNSError
	code, call := syscall.Errno(0), (*os.SyscallError)(nil)
	switch {
	case !IsDial(err) && !errors.As(err, &name):
		return nil
	case errors.As(err, &code):
		lack := lackOf(code)
		if lack == "" {
			return nil
		}
		if errors.As(err, &call) {
			return &MachineError{lack, call.Err}
		}
		return &MachineError{lack, code}
	case errors.As(err, &name) && !name.IsNotFound:
		if text := syscall.EMFILE.Error(); strings.Contains(name.Err, text) { // the resolver keeps only the words
			return &MachineError{LackFiles, syscall.EMFILE}
		}
		return &MachineError{LackNames, name}
	}
	return nil
}

// The pauses while this machine lacks something that comes back.
const (
	firstPause = 20 * time.Millisecond
	mostPause  = time.Second
)

// DialContext connects as the dialer does, but waits for what this machine lacks, as [Dialing] does.
func DialContext(ctx context.Context, dialer net.Dialer, network, address string) (net.Conn, error) {
	return Dialing(ctx, func() (net.Conn, error) { return dialer.DialContext(ctx, network, address) })
}

// Dialing dials. Where this machine lacks something that comes back when other connections end, it waits and dials again,
// until the context ends.
func Dialing(ctx context.Context, dial func() (net.Conn, error)) (net.Conn, error) {
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		conn, err := dial()
		lack := AsMachine(err)
		if lack == nil || !lack.Passes() {
			return conn, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
	}
}
