package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

type trustAddOptions struct {
	pins            []string
	comment, method string
	timeout         time.Duration
	legacy          bool
}

func (o *trustAddOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.pins, settingPin, nil, "add this key, `sha256:HEX`, from someone who knows it, without connecting to the peer; may be repeated")
	flags.StringVar(&o.comment, "comment", "", "`TEXT` stored beside the key (default the subject of the certificate)")
	flags.StringVar(&o.method, transfer.SettingMethod, string(transfer.HTTPS), "how to read the key from the peer: `https|ftps`")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait for the peer (`DURATION`, such as 10s)")
	addLegacyFlag(flags, &o.legacy)
}

// addLegacyFlag adds --legacy-tls for commands that connect to servers only.
func addLegacyFlag(flags *pflag.FlagSet, legacy *bool) {
	flags.BoolVar(legacy, "legacy-tls", false, "allow old servers: TLS 1.0 and 1.1, and broken ciphers and keys")
}

func newTrustAdd(a *app) *cobra.Command {
	var o trustAddOptions
	cmd := &cobra.Command{
		Use:   "add PEER",
		Short: "Add a key of a peer to the known keys",
		Long: `Add a key of a server or phone to the known keys. PEER is HOST, HOST:PORT or
[IPv6]:PORT; the default port is 443, with --method ftps 21.

With --pin, the key is added as stated, beside those that are known: a peer may have
several, for example before an announced change. Without --pin, cpupdate connects to
the peer, shows its key and prompts you; a script gets exit code 6 and the key. A
peer that presents a key other than its known ones is refused: remove those first,
once you know why it changed.`,
		Example: `  cpupdate trust add files.example:21 --pin sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 --comment "read out by Ada"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return trustAdd(cmd.Context(), a.con, a.hosts, o, args[0])
		},

		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.addFlags(cmd.Flags())
	methods := cobra.FixedCompletions([]string{string(transfer.HTTPS), string(transfer.FTPS)}, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc(transfer.SettingMethod, methods) // as in addProfileFlag
	_ = cmd.RegisterFlagCompletionFunc(settingPin, cobra.NoFileCompletions)
	return cmd
}

func trustAdd(ctx context.Context, con *console, hosts *hostStore, o trustAddOptions, name string) error {
	const command = "trust add"
	method, usual := transfer.Method(o.method), 443
	if method == transfer.FTPS {
		usual = 21
	}
	peer, err := parsePeer(command, name, usual)
	if err != nil {
		return err
	}
	pins, err := parsePins(o.pins)
	switch {
	case err != nil:
		return usage(command, "--%s: %v", settingPin, err)
	case method != transfer.FTPS && method != transfer.HTTPS:
		return usage(command, "--method %s: https or ftps", o.method)
	case o.timeout <= 0:
		return usage(command, "--timeout must be longer than nothing")
	case o.comment != "" && checkText(o.comment) != nil:
		return usage(command, "--comment: %v", checkText(o.comment))
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
			comment = subjectComment(stranger.Certificate)
		}
	}
	return hosts.trustPins(ctx, peer, pins, comment)
}

// look connects and returns the key that the peer presents. If that key is already known, it prints that and returns
// nil.
func (o *trustAddOptions) look(ctx context.Context, con *console, hosts *hostStore, method transfer.Method, peer string) (*trust.Error, error) {
	access, err := peerAccess(method, peer)
	if err != nil {
		return nil, settingUsage("trust add", err)
	}
	policy, err := hosts.policyFor(trust.Policy{Legacy: o.legacy}, peer)
	if err != nil {
		return nil, err
	}
	con.warnLegacy(o.legacy)
	shake := func(p trust.Policy) error {
		return transfer.Meet(ctx, access, transfer.Options{Trust: p, Timeout: o.timeout})
	}
	err = shake(policy)
	switch {
	case err == nil && len(policy.Known) > 0:
		return nil, hosts.sayTrusted(peer, nil, "its key is already known")
	case err == nil:
		// An authority has signed its certificate; without authorities the key is returned.
		err = shake(trust.Policy{Authorities: x509.NewCertPool(), Legacy: o.legacy})
		if vouched := trust.AsError(err); vouched != nil {
			vouched.Err = nil
		}
	}
	if stranger := trust.AsError(err); ctx.Err() == nil && stranger != nil && stranger.Stranger() {
		return stranger, nil
	}
	return nil, o.hinted(serverEnded(ctx, "", err))
}

// hinted gives connection errors the hints for a command with PEER and no flags of a server.
func (o *trustAddOptions) hinted(err error) error {
	own, e := (*failure)(nil), (*transfer.Error)(nil)
	if !errors.As(err, &own) || !errors.As(err, &e) || trust.AsError(err) != nil || weakKeyHints(err) != nil {
		return err
	}
	hint := "try again later; check --method and the port of PEER"
	switch e.Kind { //nolint:exhaustive // with any other kind the peer does not speak this method
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
	return fail(own.code, own.err, hint)
}

// ask prompts whether to trust the peer; without a terminal it returns an error with the key.
func (o *trustAddOptions) ask(ctx context.Context, con *console, peer string, stranger *trust.Error) error {
	if con.inTerminal && !con.json {
		return con.introduce(ctx, peer, stranger)
	}
	pin := stranger.Presented.String()
	return fail(codeSettings, fmt.Errorf("%s: its key %s has not been accepted, and this run cannot prompt for it", peer, pin),
		"compare it with the key from the administrator, or from the phone itself; only if they are the same: cpupdate trust add "+peer+" --pin "+pin)
}

// trustPins adds stated keys to the known keys.
func (h *hostStore) trustPins(ctx context.Context, peer string, pins []trust.Pin, comment string) error {
	var added []trust.Pin
	total := 0
	path, err := h.changeKnownKeys(ctx, func(list *trust.List) error {
		before := list.Find(peer)
		for _, pin := range pins {
			if slices.ContainsFunc(before, func(k trust.Known) bool { return k.Pin == pin }) {
				continue
			}
			if err := list.Add(trust.Entry{Peer: peer, Known: trust.Known{Pin: pin, Since: time.Now()}, Comment: comment}); err != nil {
				return err
			}
			added = append(added, pin)
		}
		total = len(list.Find(peer))
		return nil
	})
	if err != nil {
		return notRemembered(peer, err)
	}
	if len(added) == 0 {
		return h.sayTrusted(peer, nil, "its key is already known")
	}
	if total > len(added) {
		h.con.remark("note", peer, fmt.Sprintf("now has %s, and may present any of them; to remove one: cpupdate trust remove %s --pin sha256:...", plural(total, "key"), peer))
	}
	return h.sayTrusted(peer, added, "its key is known from now on: "+path)
}

// sayTrusted prints the answer of trust add.
func (h *hostStore) sayTrusted(peer string, added []trust.Pin, text string) error {
	doc := struct {
		Schema int      `json:"schema"`
		File   string   `json:"file"`
		Peer   string   `json:"peer"`
		Added  []string `json:"added"`
	}{1, h.store.settingsPlace().keys, peer, []string{}}
	for _, pin := range added {
		doc.Added = append(doc.Added, pin.String())
	}
	return h.con.print(doc, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", escape(peer), escape(text)) })
}
