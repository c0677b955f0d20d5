package fleet

// stopUploads is a phone that takes no password for now: what locked it out would lock out the next one, so phones that are
// not sent the image yet are left alone.
func (r *Runner) stopUploads() {
	r.mu.Lock()
	r.locked = true
	r.mu.Unlock()
	r.halt()
}

// stopped reports whether there was a lock-out.
func (r *Runner) stopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.locked
}
