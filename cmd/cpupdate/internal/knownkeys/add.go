package knownkeys

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
	flags.StringArrayVar(&o.pins, settings.KeyPin, nil, "the key, `sha256:HEX`, from whoever knows it: nothing is connected; may be repeated")
	flags.StringVar(&o.comment, "comment", "", "`TEXT` that stands beside the key (usual: whose the certificate says it is)")
	flags.StringVar(&o.method, transfer.SettingMethod, string(transfer.HTTPS), "how the peer is asked for its key: `https|ftps`")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "the longest silence of the peer, connecting included, `DURATION` as in 10s")
	AddLegacyFlag(flags, &o.legacy)
}

// AddLegacyFlag adds --legacy-tls for those who only speak to servers.
func AddLegacyFlag(flags *pflag.FlagSet, legacy *bool) {
	flags.BoolVar(legacy, "legacy-tls", false, "speak to old servers too: TLS 1.0 and 1.1, and ciphers and keys that are broken")
}

// Add makes the key of a peer known: one that is stated, or the one that it presents.
func Add(ctx context.Context, con *console.Console, hosts *knownhosts.Store, o AddOptions, name string) error {
	const command = "trust add"
	method, usual := transfer.Method(o.method), 443
	if method == transfer.FTPS {
		usual = 21
	}
	peer, err := knownhosts.ParsePeer(command, name, usual)
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
		return exit.Usage(command, "--timeout must be longer than nothing")
	case o.comment != "" && settings.CheckText(o.comment) != nil:
		return exit.Usage(command, "--comment: %v", settings.CheckText(o.comment))
	}
	comment := o.comment
	if len(pins) == 0 {
		stranger, err := o.look(ctx, con, hosts, method, peer)
		if err != nil || stranger == nil {
			return err
		}
		if err := o.ask(ctx, con, peer, stranger); err != nil {
			return err
		}
		pins = []trust.Pin{stranger.Presented}
		if comment == "" {
			comment = knownhosts.SubjectComment(stranger.Certificate)
		}
	}
	return hosts.AddPins(ctx, peer, pins, comment)
}

// look connects and returns what the peer shows. If that is known already it says so, and returns nothing.
func (o *AddOptions) look(ctx context.Context, con *console.Console, hosts *knownhosts.Store, method transfer.Method, peer string) (*trust.Error, error) {
	access, err := knownhosts.PeerAccess(method, peer)
	if err != nil {
		return nil, settings.UsageError("trust add", err)
	}
	policy, err := hosts.PolicyFor(trust.Policy{Legacy: o.legacy}, peer)
	if err != nil {
		return nil, err
	}
	con.WarnLegacy(o.legacy)
	shake := func(p trust.Policy) error {
		return transfer.Meet(ctx, access, transfer.Options{Trust: p, Timeout: o.timeout})
	}
	err = shake(policy)
	switch {
	case err == nil && len(policy.Known) > 0:
		return nil, hosts.SayTrusted(peer, nil, "its key is known already")
	case err == nil:
		// An authority vouches for it; where there is none the key is shown.
		err = shake(trust.Policy{Authorities: x509.NewCertPool(), Legacy: o.legacy})
		if vouched := trust.AsError(err); vouched != nil {
			vouched.Err = nil
		}
	}
	if stranger := trust.AsError(err); ctx.Err() == nil && stranger != nil && stranger.Stranger() {
		return stranger, nil
	}
	return nil, o.hinted(advice.ServerEnded(ctx, "", err))
}

// hinted gives what went wrong with a peer the hints for who has a PEER and no flags of a server.
func (o *AddOptions) hinted(err error) error {
	own, e := (*exit.Error)(nil), (*transfer.Error)(nil)
	if !errors.As(err, &own) || !errors.As(err, &e) || trust.AsError(err) != nil || knownhosts.WeakKeyHints(err) != nil {
		return err
	}
	hint := "try again later; check --method and the port of PEER"
	switch e.Kind { //nolint:exhaustive // the others are a peer that is none of this method
	case transfer.KindUnreachable:
		hint = "check the name and the port of PEER, that it runs, and the network and firewalls on the way"
	case transfer.KindTimeout:
		hint = "check --method and the port of PEER (one that is encrypted from the start says nothing to ftps); for a slow peer raise --timeout"
	case transfer.KindTLS:
		hint = "check --method and the port of PEER: ftps begins without encryption and asks for TLS (usually port 21), https is encrypted from the start"
		if !o.legacy {
			hint += "; if it is old, --legacy-tls speaks to it too"
		}
	}
	return exit.New(own.Code, own.Err, hint)
}

// ask asks whether to trust the peer; nobody can be asked in a script.
func (o *AddOptions) ask(ctx context.Context, con *console.Console, peer string, stranger *trust.Error) error {
	if con.InTerminal && !con.JSON {
		return knownhosts.Introduce(con, ctx, peer, stranger)
	}
	pin := stranger.Presented.String()
	return exit.New(exit.CodeSettings, fmt.Errorf("%s: its key is %s, and there is nobody to be asked", peer, pin),
		"compare it with what the administrator, or the phone itself, says of its key; only if they are the same: cpupdate trust add "+peer+" --pin "+pin)
}
