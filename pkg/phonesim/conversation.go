package phonesim

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// maxExchanges ends a conversation with a service that does not come to an end.
const maxExchanges = 1000

// A conversation is what a phone and its service say to each other, from the phone's call to CleanUp.
type conversation struct {
	r      *boot
	target string
	nonce  string // of the last message
	cookie string
	conn   *idleConn
	stream net.Conn // the line, made safe
	reader *bufio.Reader
	left   []wpi.Item // fragments that were not asked for yet
	called bool       // the first message was answered

	// What the phone has to do when the conversation ends.
	order    *order
	restart  bool
	overload bool // the service has too much to do
}

// A protocolError is an answer that the phone does not understand.
type protocolError string

func (m protocolError) Error() string { return string(m) }

func (r *boot) newConversation(target string) *conversation {
	return &conversation{r: r, target: target}
}

// converse holds the conversation, and reports whether the service was reached.
func (c *conversation) converse(ctx context.Context, message *wpi.PhoneMessage) bool {
	defer c.close()
	reason := message.Reason
	for range maxExchanges {
		answer, err := c.post(ctx, message)
		if m := protocolError(""); errors.As(err, &m) {
			c.abort(ctx, string(m))
			return true
		}
		if err != nil {
			c.r.p.report(Event{Kind: CallFailed, Detail: err.Error()})
			return c.called
		}
		if !c.called {
			c.called = true
			c.r.promised = "" // kept; the answer may ask for another
			c.r.p.set(func(s *State) { s.Calls++ })
			c.r.p.report(Event{Kind: Called, Detail: reason})
		}
		if answer == nil {
			break
		}
		if message = c.handle(ctx, answer); message == nil {
			break
		}
	}
	c.r.p.report(Event{Kind: Ended})
	return true
}

// abort reports that the phone did not understand, and ends the conversation whatever the answer (the guide, p. 13).
func (c *conversation) abort(ctx context.Context, why string) {
	c.order, c.restart = nil, false
	c.r.p.report(Event{Kind: Aborted, Detail: why})
	m := c.message(wpi.PhoneCleanUp, wpi.Item{Name: wpi.ItemCleanUpReason, Value: why})
	m.Fragment = wpi.FragmentFinal
	_, _ = c.post(ctx, m) // there is nobody to tell
	c.r.p.report(Event{Kind: Ended})
}

// firstMessage returns the message with which the phone calls.
func (c *conversation) firstMessage(reason string) *wpi.PhoneMessage {
	p := c.r.p
	p.mu.Lock()
	p.held++
	if p.held == 2 && p.traits.otherMACSecond {
		p.state.MAC = otherMAC(p.state.MAC)
	}
	p.mu.Unlock()
	m := c.message(reason, c.basicItems()...)
	if p.traits.fragments {
		c.fragment(m)
	}
	return m
}

// message returns a message with a nonce of its own.
func (c *conversation) message(reason string, items ...wpi.Item) *wpi.PhoneMessage {
	return &wpi.PhoneMessage{MaxItems: -1, Reason: reason, Items: items}
}

// reply answers an action.
func (c *conversation) reply(action, status string, items ...wpi.Item) *wpi.PhoneMessage {
	m := c.message(wpi.ReplyTo, items...)
	m.Action, m.Status, m.Fragment = action, status, wpi.FragmentFinal
	return m
}

// fragment keeps half of a message back (the guide, p. 69).
func (c *conversation) fragment(m *wpi.PhoneMessage) {
	half := len(m.Items) / 2
	if half == 0 {
		return
	}
	m.Fragment, c.left, m.Items = wpi.FragmentNext, m.Items[half:], m.Items[:half]
}

// newNonce returns a nonce: 32 capital hexadecimal digits (observed).
func (c *conversation) newNonce() string {
	if c.r.p.traits.constantNonce {
		return "0123456789ABCDEF0123456789ABCDEF"
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return fmt.Sprintf("%X", b)
}

// handle carries out an action of the service, and returns the phone's reply: nil at the end of the conversation.
func (c *conversation) handle(ctx context.Context, m *wpi.ServiceMessage) *wpi.PhoneMessage {
	if m.Action != wpi.ActionGetNextFragment {
		c.left = nil
	}
	switch m.Action {
	case wpi.ActionReadItems:
		c.r.p.report(Event{Kind: WasRead, Detail: itemNames(m.Items)})
		return c.reply(m.Action, wpi.Accepted, c.readItems(m.Items)...)
	case wpi.ActionReadAllItems:
		c.r.p.report(Event{Kind: WasRead, Detail: "everything"})
		reply := c.reply(m.Action, wpi.Accepted, c.allItems()...)
		if c.r.p.traits.fragments {
			c.fragment(reply)
		}
		return reply
	case wpi.ActionGetNextFragment:
		return c.nextFragment()
	case wpi.ActionWriteItems:
		return c.write(m.Items)
	case wpi.ActionSoftwareDeployment, wpi.ActionFileDeployment:
		return c.deploy(ctx, m)
	case wpi.ActionRestart:
		c.restart = true
		return nil
	case wpi.ActionCleanUp:
		c.cleanUp(m)
		return nil
	}
	return c.reply(m.Action, wpi.Failed)
}

// nextFragment sends what was kept back, a part at a time. Which action such an answer names is assumed.
func (c *conversation) nextFragment() *wpi.PhoneMessage {
	if len(c.left) == 0 {
		return c.reply(wpi.ActionGetNextFragment, wpi.Failed)
	}
	m := c.reply(wpi.ActionGetNextFragment, wpi.Accepted, c.left...)
	c.left = nil
	if len(m.Items) > 2 {
		c.fragment(m)
	}
	return m
}

// cleanUp ends the conversation. Firmware from V3R3 on remembers that the service wants to be called (the guide, p. 72).
func (c *conversation) cleanUp(m *wpi.ServiceMessage) {
	c.overload = m.IsOverload()
	for _, i := range m.Items {
		if i.Name == wpi.ItemSendSolicited && strings.EqualFold(i.Value, "true") && !c.r.p.traits.noSolicited {
			c.r.promised = c.target
		}
	}
}

// deploy accepts an order, to be carried out when the conversation ends, or refuses it.
func (c *conversation) deploy(ctx context.Context, m *wpi.ServiceMessage) *wpi.PhoneMessage {
	p := c.r.p
	o, err := newOrder(m)
	if o.software {
		p.set(func(s *State) { s.Instructed++ })
	}
	switch {
	case err != nil:
		p.report(Event{Kind: Declined, Detail: err.Error()})
		return nil // assumed: nothing is published
	case c.r.inCall() && !o.immediate:
		// That it is refused is the guide's word (p. 56), the form is assumed.
		p.report(Event{Kind: Busy, Detail: m.Action})
		return c.reply(m.Action, wpi.Busy)
	}
	p.report(Event{Kind: Instructed, Detail: o.String()})
	switch {
	case o.software && p.traits.reply == wpi.Failed:
		p.report(Event{Kind: Declined, Detail: "it refuses deployments"})
		return c.reply(m.Action, wpi.Failed)
	case o.software && p.traits.neverFetches:
		p.report(Event{Kind: Declined, Detail: "it never fetches"})
		return nil
	case !o.software && p.traits.sameConversation:
		_, report := c.r.execute(ctx, o)
		return report
	}
	c.order = o
	if o.software && p.traits.reply == wpi.Accepted {
		return c.reply(m.Action, wpi.Accepted)
	}
	return nil
}
