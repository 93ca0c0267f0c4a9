package replay

// Held is how many messages are held of the part that was read last.
func (x *Exported) Held() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.messages)
}

// Accepts returns nil once runs can be started.
func (r *Runs) Accepts() error { return r.accepts() }
