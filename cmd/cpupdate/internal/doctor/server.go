package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// serverName resolves the server's name.
func serverName(ctx context.Context, x *diagnosis, _ int) finding {
	return x.lookUp(ctx, credentials.HostOf(x.d.Access), hintOfNoServer())
}

// lookUp resolves a host name.
func (x *diagnosis) lookUp(ctx context.Context, host string, hint string) finding {
	if _, err := netip.ParseAddr(host); err == nil {
		return passed(host + " is an address")
	}
	ctx, cancel := context.WithTimeout(ctx, x.o.Timeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if lack := fleet.MachineLacks(err); lack != nil {
		return failed(exit.New(exit.CodeUnreachable, fmt.Errorf("%s: %w", host, lack), advice.MachineHint(lack)))
	}
	if err != nil {
		why := err
		if name := (*net.DNSError)(nil); errors.As(err, &name) {
			why = errors.New(name.Err)
		}
		return failed(exit.New(exit.CodeUnreachable, fmt.Errorf("%s: %w", host, why), "check the spelling of the name, and this machine's name server (DNS)", hint))
	}
	return passed(host + " resolves to " + advice.ShortList(addresses))
}

// serverPort connects to the server's port.
func serverPort(ctx context.Context, x *diagnosis, _ int) finding {
	return x.knock(ctx, x.d.Access.Address(), hintOfNoServer())
}

// knock connects to an address, and closes the connection again.
func (x *diagnosis) knock(ctx context.Context, address, hint string) finding {
	dialer := net.Dialer{Timeout: x.o.Timeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if lack := fleet.MachineLacks(err); lack != nil {
		return failed(exit.New(exit.CodeUnreachable, fmt.Errorf("%s: %w", address, lack), advice.MachineHint(lack)))
	}
	if err != nil {
		return failed(exit.New(exit.CodeUnreachable, fmt.Errorf("%s: %w", address, innerError(err)), hint))
	}
	_ = conn.Close() // nothing was sent
	return passed(address + " accepts connections")
}

// innerError removes addresses and operations from a network error, because the message names them already.
func innerError(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	if call := (*os.SyscallError)(nil); errors.As(err, &call) {
		err = call.Err
	}
	return err
}

// hintOfNoServer returns the next step if the server cannot be reached.
func hintOfNoServer() string {
	return hintOf(advice.TransferTable(), func(row advice.TransferRow) (bool, string) { return row.Kind == transfer.KindUnreachable, row.Hint })
}

// hintOf returns the hint of the first matching row of a table.
func hintOf[Row any](table []Row, of func(Row) (right bool, hint string)) string {
	for _, row := range table {
		if right, hint := of(row); right {
			return hint
		}
	}
	return ""
}

// An uploadResult is the result of one test upload.
type uploadResult struct {
	steps []transfer.Event
	err   error
	where string // the check that failed, "" if none did
}

// reached reports whether a step has begun.
func (t *uploadResult) reached(step transfer.Step) bool { return t.text(step) != nil }

// text returns the text of a step, nil if it has not begun.
func (t *uploadResult) text(step transfer.Step) *string {
	for _, e := range t.steps {
		if e.Step == step {
			return &e.Text
		}
	}
	return nil
}

// testUpload writes a small file on the server, and removes it again.
func (x *diagnosis) testUpload(ctx context.Context) *uploadResult {
	if x.uploadTest != nil {
		return x.uploadTest
	}
	t := &uploadResult{}
	x.uploadTest = t
	options := x.line()
	options.Trust = x.d.Trust
	options.Event = func(e transfer.Event) {
		if e.Step == transfer.StepDialog {
			x.con.Dialog(e.Text)
			return
		}
		t.steps = append(t.steps, e)
	}
	store, err := x.dial(ctx, x.d.Access, options)
	if err == nil {
		err = store.Try(ctx)
		if closing := store.Close(); err == nil {
			err = closing
		}
	}
	if t.err = err; err != nil {
		t.where = t.place(x.d.Access)
	}
	return t
}

// place returns the check that the test upload failed at.
func (t *uploadResult) place(access transfer.Access) string {
	e := (*transfer.Error)(nil)
	if !errors.As(t.err, &e) {
		return "writing"
	}
	byHTTPS, sending := access.Method == transfer.HTTPS, t.reached(transfer.StepSend) || e.Op == transfer.OpList
	switch {
	case !e.Data && slices.Contains([]string{transfer.OpRename, transfer.OpRemove, transfer.OpTemporary}, e.Op):
		return "writing"
	case (e.Kind == transfer.KindTrust || e.Kind == transfer.KindTLS) && (byHTTPS || !sending && !settings.PlainFTP(access)):
		return "certificate"
	case e.Data || !byHTTPS && sending && (e.Kind == transfer.KindTrust || e.Kind == transfer.KindTLS):
		return "data"
	case e.Kind == transfer.KindLogin:
		return "login"
	case e.Kind == transfer.KindMissing || e.Kind == transfer.KindRedirect || !sending && t.reached(transfer.StepFolder):
		return "upload-folder"
	case sending:
		return "writing"
	}
	return "login"
}

// at returns the finding of a check that is part of the test upload: success, or the upload's failure.
func (x *diagnosis) at(ctx context.Context, name string, words func(*uploadResult) finding) finding {
	t := x.testUpload(ctx)
	if t.where != name {
		return words(t)
	}
	return failed(x.d.Hinted(advice.ServerEnded(ctx, "", t.err)))
}

// serverCertificate checks that TLS works. If the password is unknown, only that is tested.
func serverCertificate(ctx context.Context, x *diagnosis, _ int) finding {
	if x.reason([]string{groupSettings + "/password"}, "") != "" {
		line := x.line()
		line.Trust = x.d.Trust
		if err := transfer.Handshake(ctx, x.d.Access, line); err != nil {
			return failed(advice.ServerEnded(ctx, "", err))
		}
		return x.shownBy("server")
	}
	return x.at(ctx, "certificate", func(*uploadResult) finding { return x.shownBy("server") })
}

func serverLogin(ctx context.Context, x *diagnosis, _ int) finding {
	return x.at(ctx, "login", func(*uploadResult) finding {
		if x.d.Access.Username == "" {
			return passed("the server requires no login")
		}
		return passed("as " + x.d.Access.Username)
	})
}

func serverFolder(ctx context.Context, x *diagnosis, _ int) finding {
	return x.at(ctx, "upload-folder", func(*uploadResult) finding { return passed(x.d.Access.FileURL("")) })
}

func serverData(ctx context.Context, x *diagnosis, _ int) finding {
	return x.at(ctx, "data", func(*uploadResult) finding { return passed("passive mode works") })
}

func serverWriting(ctx context.Context, x *diagnosis, _ int) finding {
	return x.at(ctx, "writing", func(t *uploadResult) finding {
		if why := t.text(transfer.StepInPlace); why != nil {
			return warn(*why + ": a file has its final name before it is complete")
		}
		return passed("a small file was written and removed again")
	})
}

// serverProof reports what the server says about the small file.
func serverProof(ctx context.Context, x *diagnosis, _ int) finding {
	digest := false
	for _, e := range x.testUpload(ctx).steps {
		digest = digest || e.Step == transfer.StepCheck && e.Text == string(transfer.ProofDigest)
	}
	if digest {
		return passed("the server reports size and SHA-256 of a stored file")
	}
	return passed("the server reports the size, but no digest: --verify readback reads the file back")
}
