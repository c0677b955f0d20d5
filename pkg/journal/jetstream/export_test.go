package jetstream

import "time"

// SetWait changes how long calls wait from now on.
func (l *Ledger) SetWait(wait time.Duration) { l.wait = wait }
