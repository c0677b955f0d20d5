package wpi

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// A Session is one conversation: from a phone's call to the answer CleanUp, or to silence. Owner is the answerer's, who
// may use it while answering and while told what was written: that happens once at a time.
type Session struct {
	ID    string // 32 hexadecimal digits
	Owner any

	busy   chan struct{} // holds one while a message is answered
	remote netip.Addr

	// The rest belongs to sessions.
	element *list.Element // nil if it is over
	last    time.Time
	pending *PhoneMessage // the fragments that came, joined
	parts   int
	held    int // bytes that they had
	memory  *netconn.Hold
}

// Format writes nothing of it: who knows the ID can speak as the phone.
func (s *Session) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "session") }

// enter waits for the message before.
func (s *Session) enter(ctx context.Context) bool {
	select {
	case s.busy <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Session) leave() { <-s.busy }

// The sessions that are open. Nothing runs to forget them: each call does that for those before it.
type sessions struct {
	forget      time.Duration
	most, space int

	mu       sync.Mutex
	byID     map[string]*Session
	byRemote map[netip.Addr]map[*Session]bool
	silent   *list.List // of *Session, the one that is silent for longest last
	held     int
}

func newSessions(o ServiceOptions) sessions {
	return sessions{
		forget: o.Forget, most: o.Sessions, space: o.Held,
		byID: map[string]*Session{}, byRemote: map[netip.Addr]map[*Session]bool{}, silent: list.New(),
	}
}

// find returns the session of a message, and whether it is a new one. A phone that returns no cookie is known by its
// address when it replies, if no other phone of that address, such as one behind the same router, has a conversation
// (observed: a service knows phones by nothing else; replies need not say the phone's MAC, the guide, p. 60).
func (s *sessions) find(remote netip.Addr, ids []string, reply bool) (session *Session, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for e := s.silent.Back(); e != nil && now.Sub(e.Value.(*Session).last) >= s.forget; e = s.silent.Back() {
		s.drop(e.Value.(*Session))
	}
	for _, id := range ids {
		if session = s.byID[id]; session != nil {
			s.refresh(session, now)
			return session, false
		}
	}
	if there := s.byRemote[remote]; reply && len(there) == 1 {
		for session = range there {
			s.refresh(session, now)
			return session, false
		}
	}
	if s.silent.Len() >= s.most {
		s.drop(s.spare())
	}
	session = &Session{ID: newID(), busy: make(chan struct{}, 1), remote: remote, last: now}
	session.element = s.silent.PushFront(session)
	s.byID[session.ID] = session
	if s.byRemote[remote] == nil {
		s.byRemote[remote] = map[*Session]bool{}
	}
	s.byRemote[remote][session] = true
	return session, true
}

// spare returns the session that makes room for another: of the address that has the most, the one that is silent for
// longest. The lock is held.
func (s *sessions) spare() *Session {
	most := 0
	for _, there := range s.byRemote {
		most = max(most, len(there))
	}
	for e := s.silent.Back(); ; e = e.Prev() {
		if session := e.Value.(*Session); len(s.byRemote[session.remote]) == most {
			return session
		}
	}
}

func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// touch counts silence from now.
func (s *sessions) touch(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session.element != nil {
		s.refresh(session, time.Now())
	}
}

func (s *sessions) refresh(session *Session, now time.Time) {
	session.last = now
	s.silent.MoveToFront(session.element)
}

// remove ends a session.
func (s *sessions) remove(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(session)
}

func (s *sessions) drop(session *Session) {
	if session.element == nil {
		return
	}
	s.release(session)
	s.silent.Remove(session.element)
	session.element = nil
	delete(s.byID, session.ID)
	delete(s.byRemote[session.remote], session)
	if len(s.byRemote[session.remote]) == 0 {
		delete(s.byRemote, session.remote)
	}
}

// release forgets the fragments of a session.
func (s *sessions) release(session *Session) {
	s.held -= session.held
	if session.memory != nil {
		session.memory.End()
	}
	session.pending, session.parts, session.held, session.memory = nil, 0, 0, nil
}
