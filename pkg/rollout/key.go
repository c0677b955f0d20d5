package rollout

import "github.com/cpupdate/cpupdate/pkg/journal"

// Key returns the stream of a step of a phone, both from 0. Step 0 is there for a phone that is left alone, too.
func (s *Saved) Key(phone, step int) journal.Key { return keyOf(s.Name, s.Plan.Phones[phone], step) }
