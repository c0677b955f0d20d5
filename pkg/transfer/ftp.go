package transfer

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// An ftpStore is a folder on an FTP or FTPS server. A connection that was lost is opened again.
type ftpStore struct {
	peer
	client  *ftp.ServerConn // nil: not connected
	control *control
	sending *hashingReader // what is sent now
	left    []string       // temporary files of earlier attempts that could not be removed
	half    string         // the file's own name, if an attempt in place may have left half of it there; it is never swept
	kept    bool           // the server refused to remove one of them: the others may be there or not
}

func dialFTP(ctx context.Context, a Access, o Options) (Store, error) {
	s := &ftpStore{peer: peer{access: a, o: o, address: a.Address()}}
	if err := o.again(ctx, func(int) error { return s.connect(ctx) }); err != nil {
		return nil, err
	}
	return s, nil
}

// connect opens the control connection and logs in.
func (s *ftpStore) connect(ctx context.Context) error {
	s.drop()
	s.tell(StepConnect, s.address)
	c, err := s.o.connect(ctx, s.address, s.o.Timeout)
	if err != nil {
		return s.fail(ctx, "connecting", err)
	}
	stop := context.AfterFunc(ctx, c.Reset)
	defer stop()
	config, err := s.greet(ctx, c)
	if err == nil {
		err = s.login(ctx, config)
	}
	if err != nil {
		c.Reset()
		s.drop()
	}
	return err
}

// greet waits for the greeting, and by FTPS makes the connection secure. The TLS config, nil by plain FTP, goes with
// this connection alone: it holds the session that the data connections resume.
func (s *ftpStore) greet(ctx context.Context, c *netconn.Conn) (*tls.Config, error) {
	r := bufio.NewReader(c)
	greeting, err := s.readFinal(c, r)
	if err == nil && greeting.code >= 300 {
		err = replyError(greeting)
	}
	if err != nil {
		return nil, s.fail(ctx, "connecting", err)
	}
	greeting.code = 220
	if s.access.method() != FTPS {
		s.control = newControl(c, c, r, greeting, s.access, s.o)
		return nil, nil //nolint:nilnil // there is no TLS
	}
	if err := s.requestTLS(ctx, c, r); err != nil {
		return nil, err
	}
	config := s.config(s.access.host())
	secure := tls.Client(c, config)
	if err := handshakeWithin(ctx, secure, s.o.Timeout); err != nil {
		return nil, s.fail(ctx, "starting TLS", err)
	}
	s.control = newControl(c, secure, bufio.NewReader(secure), greeting, s.access, s.o)
	return config, nil
}

// requestTLS sends AUTH TLS, or AUTH SSL to a server that does not know that name for it. It succeeds when the handshake
// may begin.
func (s *ftpStore) requestTLS(ctx context.Context, c *netconn.Conn, r *bufio.Reader) error {
	var refused error
	for _, name := range []string{"TLS", "SSL"} {
		s.tell(StepDialog, "> AUTH "+name)
		if _, err := c.Write([]byte("AUTH " + name + "\r\n")); err != nil {
			return cmp.Or(refused, s.fail(ctx, "starting TLS", err))
		}
		answer, err := s.readFinal(c, r)
		switch {
		case err != nil:
			return cmp.Or(refused, s.fail(ctx, "starting TLS", err))
		case r.Buffered() > 0:
			// What came before the handshake was not protected, and would be taken for the server's word after it.
			return &Error{Op: "starting TLS", Server: s.address, Kind: KindTLS, Err: errors.New("the server, or an attacker in between, sent data before TLS began")}
		case answer.code < 300 || answer.code == 334: // RFC 4217 has 234; RFC 2228 knows 334, and some servers say 200
			return nil
		}
		refused = cmp.Or(refused, s.fail(ctx, "starting TLS", replyError(answer)))
		if !slices.Contains([]int{500, 501, 502, 504}, answer.code) {
			break
		}
	}
	return refused
}

// readFinal reads a reply, and skips preliminary ones. All of it has to come within the limit, in however many pieces.
func (s *ftpStore) readFinal(c *netconn.Conn, r *bufio.Reader) (reply, error) {
	limit := time.AfterFunc(s.o.Timeout, c.StopReading)
	defer limit.Stop()
	var open *reply
	for range maxPreliminary {
		answer, err := readReply(r, func(r *reply) { open = r })
		if err != nil {
			return reply{}, unended(open, err)
		}
		for _, line := range answer.lines {
			s.tell(StepDialog, s.access.scrub("< "+strconv.Itoa(answer.code)+" "+line))
		}
		if answer.code >= 200 {
			return answer, nil
		}
	}
	return reply{}, errNonsense
}

// login gives the connection to the library, which logs in and sets binary mode.
func (s *ftpStore) login(ctx context.Context, config *tls.Config) error {
	s.control.ctx = ctx
	s.tell(StepLogin, s.access.Username)
	first := true
	dial := func(_, address string) (net.Conn, error) {
		if first {
			first = false
			return s.control, nil
		}
		var complete func() bool
		if s.sending != nil {
			complete = s.sending.complete
		}
		return s.control.openData(address, config, complete)
	}
	// MLSD tells nothing that MLST does not, and LIST is known to more servers.
	options := []ftp.DialOption{ftp.DialWithDialFunc(dial), ftp.DialWithDisabledMLSD(true)}
	if config != nil {
		options = append(options, ftp.DialWithTLS(config))
	}
	client, err := ftp.Dial(s.address, options...)
	if err != nil {
		return s.fail(ctx, "connecting", err)
	}
	s.client = client
	if err := client.Login(s.access.Username, s.access.Password.Reveal()); err != nil {
		return s.loginError(ctx, err)
	}
	return nil
}

// loginError returns the error of a login that failed, in the words of the server's last answer: the library logs in with several
// commands, and does not always tell what the answer's code was.
func (s *ftpStore) loginError(ctx context.Context, err error) error {
	serverErr := (*textproto.Error)(nil)
	if last := s.control.last; !s.control.broken && last.code >= 400 && !errors.As(err, &serverErr) {
		err = replyError(last)
	}
	if s.control.kept != nil && s.control.kept.reply.code == 421 {
		err = replyError(s.control.kept.reply)
	}
	switch s.control.verb {
	case "PASS", "ACCT":
		err := s.fail(ctx, "logging in", err)
		if e := (*Error)(nil); errors.As(err, &e) && !tooManyWords().MatchString(strings.ToLower(e.Reply)) {
			e.final = true // servers lock out clients that send the same password again and again
		}
		return err
	case "USER":
		return s.fail(ctx, "logging in", err)
	case "PBSZ", "PROT":
		return s.fail(ctx, "protecting the data", err)
	}
	return s.fail(ctx, "preparing the connection", err)
}

// drop resets the connection, if there is one.
func (s *ftpStore) drop() {
	if s.control != nil {
		s.control.tcp.Reset()
		_ = s.control.Close()
	}
	s.control, s.client = nil, nil
}

// Close sends QUIT and ends the connection.
func (s *ftpStore) Close() error {
	if s.client == nil {
		return nil
	}
	if !s.control.broken {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		s.control.ctx = ctx
		_, _ = s.control.ask("QUIT") // the server's goodbye changes nothing
	}
	_ = s.control.Close()
	s.control, s.client = nil, nil
	return nil
}

// ready makes sure that there is a connection, and that the folder is its working directory.
func (s *ftpStore) ready(ctx context.Context, makeFolder bool) error {
	if s.client == nil || s.control.broken {
		if err := s.connect(ctx); err != nil {
			return err
		}
	}
	s.control.ctx = ctx
	if err := s.enter(ctx, makeFolder); err != nil {
		s.control.broken = true // the working directory is not known
		return err
	}
	s.sweep(ctx)
	return nil
}

// sweep removes the files that earlier attempts left.
func (s *ftpStore) sweep(ctx context.Context) {
	s.left = slices.DeleteFunc(s.left, func(name string) bool {
		if s.control == nil || s.control.broken {
			return false
		}
		s.tell(StepRemove, name)
		return s.remove(ctx, name) == nil
	})
}

// enter changes to the folder, from the login directory.
func (s *ftpStore) enter(ctx context.Context, makeFolder bool) error {
	folder := s.access.Path
	if folder == "" || s.control.entered {
		return nil
	}
	s.tell(StepFolder, folder)
	err := s.client.ChangeDir(folder)
	if makeFolder && replyKind("opening the folder", err) == KindMissing {
		err = s.makeFolders(ctx, folder)
	}
	if err != nil {
		return s.fail(ctx, "opening the folder", err)
	}
	s.control.entered = true
	return nil
}

// makeFolders goes down the path and makes what does not exist.
func (s *ftpStore) makeFolders(ctx context.Context, folder string) error {
	if strings.HasPrefix(folder, "/") {
		if err := s.client.ChangeDir("/"); err != nil {
			return err
		}
	}
	for name := range strings.SplitSeq(folder, "/") {
		if name == "" {
			continue
		}
		if s.client.ChangeDir(name) == nil {
			continue
		}
		// Another client may make it at the same moment: what counts is whether it is there now.
		made := s.client.MakeDir(name)
		if err := s.client.ChangeDir(name); err != nil {
			if made != nil {
				return s.fail(ctx, "making the folder", made)
			}
			return err
		}
		s.tell(StepMade, name)
	}
	return nil
}

const (
	cleanUpLimit     = 5 * time.Second // how long cleaning up may take
	queryAfterSilent = 2 * time.Second // how long a server that was silent is asked for the file that it was sent
)

// cleanupContext returns a context for cleaning up, which an interrupt does not end, and which is short.
func (s *ftpStore) cleanupContext(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := min(cmp.Or(s.o.CleanUp, cleanUpLimit), s.o.Timeout)
	if s.o.CleanUp == 0 && ctx.Err() != nil { // also of a server that owes an answer: it gets little time for that
		limit = min(limit, interruptLimit)
	}
	return context.WithTimeoutCause(context.WithoutCancel(ctx), limit, os.ErrDeadlineExceeded)
}
