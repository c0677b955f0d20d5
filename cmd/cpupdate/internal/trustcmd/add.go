package trustcmd

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// AddOptions are the flags of trust add.
type AddOptions struct {
	pins            []string
	comment, method string
	timeout         time.Duration
	legacy          bool
}

// AddFlags declares the flags.
func (o *AddOptions) AddFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.pins, settings.KeyPin, nil, "add this key, `sha256:HEX`, from someone who knows it, without connecting to the peer; may be repeated")
	flags.StringVar(&o.comment, "comment", "", "`TEXT` stored beside the key (default the subject of the certificate)")
	flags.StringVar(&o.method, transfer.SettingMethod, string(transfer.HTTPS), "how to read the key from the peer: `https|ftps`")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait for the peer (`DURATION`, such as 10s)")
	AddLegacyFlag(flags, &o.legacy)
}

// AddLegacyFlag adds --legacy-tls for commands that connect to servers only.
func AddLegacyFlag(flags *pflag.FlagSet, legacy *bool) {
	flags.BoolVar(legacy, "legacy-tls", false, "allow old servers: TLS 1.0 and 1.1, and broken ciphers and keys")
}

// Add makes the key of a peer known: one that is stated, or the one that it presents.
func Add(ctx context.Context, con *console.Console, hosts *knownhosts.Store, o AddOptions, name string) error {
	const command = "trust add"
	method, defaultPort := transfer.Method(o.method), 443
	if method == transfer.FTPS {
		defaultPort = 21
	}
	peer, err := knownhosts.ParsePeer(command, name, defaultPort)
	if err != nil {
		return err
	}
	pins, err := settings.ParsePins(o.pins)
	switch {
	case err != nil:
		return exit.Usage(command, "--%s: %v", settings.KeyPin, err)
	case method != transfer.FTPS && method != transfer.HTTPS:
		return exit.Usage(command, "--method %s: https or ftps", o.method)
	case o.timeout <= 0:
		return exit.Usage(command, "--timeout must be greater than zero")
	case o.comment != "" && settings.CheckText(o.comment) != nil:
		return exit.Usage(command, "--comment: %v", settings.CheckText(o.comment))
	}
	comment := o.comment
	if len(pins) == 0 {
		presented, err := o.probe(ctx, con, hosts, method, peer)
		if err != nil || presented == nil {
			return err
		}
		if err := o.confirm(ctx, con, peer, presented); err != nil {
			return err
		}
		pins = []trust.Pin{presented.Presented}
		if comment == "" {
			comment = knownhosts.SubjectComment(presented.Certificate)
		}
	}
	return hosts.AddPins(ctx, peer, pins, comment)
}

// probe connects and returns the key that the peer presents. If that key is already known, it prints that and returns
// nil.
func (o *AddOptions) probe(ctx context.Context, con *console.Console, hosts *knownhosts.Store, method transfer.Method, peer string) (*trust.Error, error) {
	access, err := knownhosts.PeerAccess(method, peer)
	if err != nil {
		return nil, settings.UsageError("trust add", err)
	}
	policy, err := hosts.PolicyFor(trust.Policy{Legacy: o.legacy}, peer)
	if err != nil {
		return nil, err
	}
	con.WarnLegacy(o.legacy)
	handshake := func(p trust.Policy) error {
		return transfer.Handshake(ctx, access, transfer.Options{Trust: p, Timeout: o.timeout})
	}
	err = handshake(policy)
	switch {
	case err == nil && len(policy.Known) > 0:
		return nil, hosts.SayTrusted(peer, nil, "its key is already known")
	case err == nil:
		// An authority has signed its certificate; without authorities the key is returned.
		err = handshake(trust.Policy{Authorities: x509.NewCertPool(), Legacy: o.legacy})
		if vouched := trust.AsError(err); vouched != nil {
			vouched.Err = nil
		}
	}
	if presented := trust.AsError(err); ctx.Err() == nil && presented != nil && presented.UnknownPeer() {
		return presented, nil
	}
	return nil, o.hinted(advice.ServerEnded(ctx, "", err))
}

// hinted gives connection errors the hints for a command with PEER and no flags of a server.
func (o *AddOptions) hinted(err error) error {
	own, e := (*exit.Error)(nil), (*transfer.Error)(nil)
	if !errors.As(err, &own) || !errors.As(err, &e) || trust.AsError(err) != nil || knownhosts.CertificateHints(err) != nil || e.Kind == transfer.KindMachine {
		return err
	}
	hint := "try again later; check --method and the port of PEER"
	switch e.Kind { //nolint:exhaustive // the others are a peer that is none of this method
	case transfer.KindUnreachable:
		hint = "check the name and the port of PEER, that it is running, and the network and firewalls in between"
	case transfer.KindTimeout:
		hint = "check --method and the port of PEER (a peer that is encrypted from the start sends nothing to ftps); for a slow peer raise --timeout"
	case transfer.KindTLS:
		hint = "check --method and the port of PEER: ftps begins without encryption and asks for TLS (usually port 21), https is encrypted from the start"
		if !o.legacy {
			hint += "; for an old peer add --legacy-tls"
		}
	}
	return exit.New(own.Code, own.Err, hint)
}

// confirm prompts whether to trust the peer; without a terminal it returns an error with the key.
func (o *AddOptions) confirm(ctx context.Context, con *console.Console, peer string, presented *trust.Error) error {
	if con.CanPrompt() {
		return knownhosts.PromptForKey(ctx, con, peer, "", presented)
	}
	pin := presented.Presented.String()
	return exit.New(exit.CodeSettings, fmt.Errorf("%s: its key %s has not been accepted, and this run cannot prompt for it", peer, pin),
		"compare it with the key from the administrator, or from the phone itself; only if they are the same: cpupdate trust add "+peer+" --pin "+pin)
}
