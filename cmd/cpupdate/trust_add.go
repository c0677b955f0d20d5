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
	flags.StringArrayVar(&o.pins, settingPin, nil, "the key, `sha256:HEX`, from whoever knows it: nothing is connected; may be repeated")
	flags.StringVar(&o.comment, "comment", "", "`TEXT` that stands beside the key (usual: whose the certificate says it is)")
	flags.StringVar(&o.method, transfer.SettingMethod, string(transfer.HTTPS), "how the peer is asked for its key: `https|ftps`")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "the longest silence of the peer, connecting included, `DURATION` as in 10s")
	addLegacyFlag(flags, &o.legacy)
}

// addLegacyFlag adds --legacy-tls for those who only speak to servers.
func addLegacyFlag(flags *pflag.FlagSet, legacy *bool) {
	flags.BoolVar(legacy, "legacy-tls", false, "speak to old servers too: TLS 1.0 and 1.1, and ciphers and keys that are broken")
}

func newTrustAdd(a *app) *cobra.Command {
	var o trustAddOptions
	cmd := &cobra.Command{
		Use:   "add PEER",
		Short: "Make a key of a peer known",
		Long: `Make a key of a server or phone known. PEER is HOST, HOST:PORT or [IPv6]:PORT; the
port is 443 if there is none, with --method ftps 21.

With --pin the key is taken as it is stated, besides others that are known: a peer
may have several, as before a change that was announced. Without --pin the peer is
connected, its key is shown, and you are asked; a script gets exit code 6 and the
key. A peer that shows another key than the known ones is refused: remove those
first, once you know why.`,
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

// look connects and returns what the peer shows. If that is known already it says so, and returns nothing.
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
		return nil, hosts.sayTrusted(peer, nil, "its key is known already")
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
	return nil, o.hinted(serverEnded(ctx, "", err))
}

// hinted gives what went wrong with a peer the hints for who has a PEER and no flags of a server.
func (o *trustAddOptions) hinted(err error) error {
	own, e := (*failure)(nil), (*transfer.Error)(nil)
	if !errors.As(err, &own) || !errors.As(err, &e) || trust.AsError(err) != nil || weakKeyHints(err) != nil {
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
	return fail(own.code, own.err, hint)
}

// ask asks whether to trust the peer; nobody can be asked in a script.
func (o *trustAddOptions) ask(ctx context.Context, con *console, peer string, stranger *trust.Error) error {
	if con.inTerminal && !con.json {
		return con.introduce(ctx, peer, stranger)
	}
	pin := stranger.Presented.String()
	return fail(codeSettings, fmt.Errorf("%s: its key is %s, and there is nobody to be asked", peer, pin),
		"compare it with what the administrator, or the phone itself, says of its key; only if they are the same: cpupdate trust add "+peer+" --pin "+pin)
}

// trustPins makes stated keys known.
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
		return h.sayTrusted(peer, nil, "its key is known already")
	}
	if total > len(added) {
		h.con.remark("note", peer, fmt.Sprintf("has %s now, and may show any of them; to forget one: cpupdate trust remove %s --pin sha256:...", plural(total, "key"), peer))
	}
	return h.sayTrusted(peer, added, "its key is known from now on: "+path)
}

// sayTrusted is the answer of trust add.
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
