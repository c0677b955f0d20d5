package rollout

import "github.com/cpupdate/cpupdate/pkg/journal"

// Apply takes over a later event of the rollout's own stream. Those of phones are applied to Steps.
func (s *Saved) Apply(e journal.Event) error { return s.apply(e) }
