package replay

// Accepts returns nil once runs can be started.
func (r *Runs) Accepts() error { return r.accepts() }
