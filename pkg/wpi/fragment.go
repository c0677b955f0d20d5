package wpi

import "github.com/cpupdate/cpupdate/pkg/internal/netconn"

// Limits of a message in fragments. Phones break up what is over 50 kB (the guide, p. 69).
const (
	maxFragments = 1000
	maxWhole     = 4 * MaxMessage // bytes
)

// join adds a message to the fragments before it, and returns the whole message if this is the last (the guide, pp. 69,
// 70). The whole has the reason of the first and the nonce of the last. What is no reply to the request for more is no
// fragment of what was before: the phone has begun anew. A fragment of a session that is over begins anew, too.
func (s *sessions) join(session *Session, m *PhoneMessage, size int) (whole *PhoneMessage, done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := session.pending
	if before != nil && (m.Fragment == "" || m.Reason != ReplyTo && m.Reason != before.Reason) {
		s.release(session)
		before = nil
	}
	if before == nil && m.Fragment != FragmentNext {
		return m, true, nil
	}
	joined := *m
	if before != nil {
		if len(before.Items)+len(m.Items) > MaxItems {
			s.drop(session)
			return nil, false, errFragments
		}
		joined.Reason, joined.Action, joined.MaxItems = before.Reason, before.Action, before.MaxItems
		if before.Reason != ReplyTo || joined.Status == "" {
			joined.Status = before.Status
		}
		joined.Items = append(before.Items, m.Items...)
	}
	if m.Fragment != FragmentNext {
		s.release(session)
		return &joined, true, nil
	}
	if session.parts == maxFragments || session.held+size > maxWhole {
		s.drop(session)
		return nil, false, errFragments
	}
	if session.element == nil || s.held+size > s.space { // others need the room
		s.drop(session)
		return nil, false, errWaiting
	}
	session.pending = &joined
	session.parts++
	session.held += size
	s.held += size
	return nil, false, nil
}

// hold counts a fragment of a session that waits for more in the budget of the server, if it has one. A session whose
// memory others need ends.
func (s *sessions) hold(session *Session, budget *netconn.Budget, memory int64) error {
	if budget == nil {
		return nil
	}
	s.mu.Lock()
	held := session.memory
	s.mu.Unlock()
	if held == nil {
		held = budget.Hold(session.remote, 0, func() { s.remove(session) })
		s.mu.Lock()
		over := session.element == nil // another session took its place meanwhile
		if !over {
			session.memory = held
		}
		s.mu.Unlock()
		if over {
			held.End()
		}
	}
	if !held.Add(memory) {
		return errWaiting
	}
	return nil
}
