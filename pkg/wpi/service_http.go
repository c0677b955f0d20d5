package wpi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// read reads the message of a request, and how long it was. Whatever Content-Type says, what counts is whether it can be
// read.
func (s *Service) read(w http.ResponseWriter, r *http.Request) (*PhoneMessage, int, *CallError) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.o.Timeout)) // what is refused is not waited for longer either
	switch {
	case !isService(r.URL.Path):
		return nil, 0, &CallError{Status: http.StatusNotFound, Err: otherwise(errPath, r)}
	case r.Method != http.MethodPost:
		return nil, 0, &CallError{Status: http.StatusMethodNotAllowed, Err: otherwise(errMethod, r)}
	case r.ContentLength > MaxMessage:
		return nil, 0, &CallError{Status: http.StatusRequestEntityTooLarge, Err: errLong}
	}
	var text bytes.Buffer // grows with what has come, not with what is announced
	_, err := text.ReadFrom(http.MaxBytesReader(w, r.Body, MaxMessage))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return nil, 0, &CallError{Status: http.StatusRequestEntityTooLarge, Err: errLong}
	}
	if err != nil {
		return nil, 0, &CallError{Status: http.StatusBadRequest, Err: errCutOff}
	}
	_ = control.SetReadDeadline(time.Time{}) // else it would end the context while the answer is made
	message, failure := s.understand(r.Context(), text.Bytes())
	return message, text.Len(), failure
}

// understand parses a message when there is room.
func (s *Service) understand(ctx context.Context, text []byte) (*PhoneMessage, *CallError) {
	room := s.short
	if len(text) > maxShort {
		room = s.long
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	select {
	case room <- struct{}{}:
		defer func() { <-room }()
	case <-ctx.Done():
		if nonce, ok := nonceOf(text); ok {
			return nil, full(nonce, errBusy)
		}
		return nil, &CallError{Status: http.StatusServiceUnavailable, Err: errBusy}
	}
	message, err := ParsePhoneMessage(text)
	if err != nil {
		return nil, &CallError{Status: http.StatusBadRequest, Err: err}
	}
	return message, nil
}

// turnAway answers somebody who is not admitted, and reads nothing: neither before the answer, as net/http would do, nor
// behind it.
func (s *Service) turnAway(w http.ResponseWriter, remote netip.Addr) {
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex()
	_ = control.SetReadDeadline(time.Now())
	s.refuse(w, remote, &CallError{Status: http.StatusForbidden, Err: ErrNotAnswered})
}

// write sends an answer: nothing but the XML, or the phone rejects it (observed), and with its length, since phones up to
// V2R2 cannot read chunks (the guide, p. 12).
func (s *Service) write(w http.ResponseWriter, m ServiceMessage) error {
	body := m.Marshal()
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	s.limitWriting(w)
	if _, err := w.Write(body); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

func (s *Service) refuse(w http.ResponseWriter, remote netip.Addr, e *CallError) {
	if s.o.Trouble != nil {
		s.o.Trouble(remote, e)
	}
	if e.Status == http.StatusOK {
		m := CleanUpOverload()
		m.Nonce = e.nonce
		w.Header().Del("Set-Cookie")
		w.Header().Set("Connection", "close")
		_ = s.write(w, m)
		return
	}
	if e.Status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	s.say(w, e.Status)
}

// limitWriting gives what is written next the time that it may take. A limit stays until the next one is set.
func (s *Service) limitWriting(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.o.Timeout))
}

// say answers with a status, nothing else, and hangs up.
func (s *Service) say(w http.ResponseWriter, status int) {
	s.limitWriting(w)
	w.Header().Del("Set-Cookie")
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
}
