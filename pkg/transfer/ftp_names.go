package transfer

import (
	"context"
	"path"
	"slices"
)

// shortName returns another temporary name, for servers that forbid the first: it is short, and has letters, digits, and
// the ending of the file's own name only.
func shortName(name string) string {
	ending := path.Ext(name)
	if len(ending) > 9 {
		ending = ""
	}
	return "cpu" + randomHex() + ending
}

// renameTells reports whether RNFR says whether a file is there: it must refuse a name that no file has.
func (s *ftpStore) renameTells(ctx context.Context) (bool, error) {
	if s.control.renames.code == 0 {
		if _, err := s.askRename(ctx, temporaryName("cpupdate")); err != nil {
			return false, err
		}
	}
	return !slices.Contains([]int{350, 500, 502, 504}, s.control.renames.code), nil
}

// askRename asks whether a file may be renamed that is not there. The server refuses, and says why.
func (s *ftpStore) askRename(ctx context.Context, name string) (reply, error) {
	answer, err := s.control.ask("RNFR " + name)
	switch {
	case err != nil:
		return reply{}, s.fail(ctx, "asking for renaming", err)
	case answer.code == 421:
		return reply{}, s.refuse("asking for renaming", KindBusy, answer)
	}
	s.control.renames = answer
	return answer, nil
}

// chooseTarget decides which name the file is sent to, before anything is sent. It returns the server's refusal if it
// allows no temporary one.
func (p *ftpPut) chooseTarget(ctx context.Context) (refused *Error, err error) {
	if p.u.InPlace {
		return nil, nil //nolint:nilnil // nothing was refused
	}
	p.names = []string{temporaryName(p.u.Name), shortName(p.u.Name)}
	for len(p.names) > 0 {
		p.target, p.names = p.names[0], p.names[1:]
		answer, err := p.askRename(ctx, p.target)
		if err != nil {
			return nil, err
		}
		words := plainWords(answer.text(), p.target)
		switch {
		case answer.code == 500 || answer.code == 502 || answer.code == 504:
			p.inPlace("the server does not rename: " + p.words(answer.text()))
			return nil, nil //nolint:nilnil // see ADR 19
		case answer.code < 400 || !permissionWords().MatchString(words) && !nameWords().MatchString(words):
			return nil, nil //nolint:nilnil // nothing was refused
		}
		refused = p.refuse(OpRename, deniedKind(OpRename, words), answer)
	}
	return refused, nil
}

// inPlace has the file sent to its own name.
func (p *ftpPut) inPlace(why string) {
	p.tell(StepInPlace, why)
	p.u.InPlace, p.target = true, p.u.Name
}

// withoutTemporary has the file sent to its own name, since the server allows no temporary one. If a file of that name is
// there, or may be, that is not done unasked.
func (p *ftpPut) withoutTemporary(refused *Error) error {
	why := "the server does not rename: "
	if refused.Kind == KindName {
		why, refused.Op = "the server does not accept a temporary name: ", OpTemporary
	}
	if p.existing.presence != absent {
		return refused
	}
	p.inPlace(why + refused.Reply)
	return nil
}
