package oracle

// Outcome is what became of a command.
type Outcome struct {
	Position Pos
	// Tag is of the record batch in which it lies.
	Tag     uint32
	Request ID
	// Repeat and OtherRequest are set where the key had been used before.
	Repeat, OtherRequest bool
	Effects              []string
	Read                 Marking
}

// Decided is the outcome of one command.
type Decided struct {
	Command ID
	Outcome Outcome
}

// run is a command under way; without a command it is a bare event.
type run struct {
	command *Command
	outside bool
	skip    bool
	outcome Outcome
	// targets and what became of each, of an administrator's command
	targets []ID
	became  []string
	// note is the outcome of an operation.
	note string
	// redriving is the dead letter whose event comes next, if one does.
	redriving *Pos
	// opened: it is one of a whole message, whose others follow. gone: that was no
	// dead letter any more. again: its record batch was folded by itself.
	opened, gone, again bool
}

// open begins a command. One whose key was used before has no second effect,
// and commands of outside producers have none at all.
func (s *State) open(c *Command, outside bool) *run {
	r := &run{command: c, outside: outside}
	if c == nil {
		return r
	}
	r.outcome.Request = c.Request
	r.skip = outside
	if before, was := s.Outcomes[c.ID]; !outside && c.Keyed && was {
		r.skip, r.outcome = true, before
		r.outcome.Repeat = before.Request == c.Request
		r.outcome.OtherRequest = !r.outcome.Repeat
	}
	return r
}

func (s *State) close(r *run, at Pos) {
	c := r.command
	if c == nil || r.outside {
		return
	}
	if !r.skip {
		r.outcome.Position, r.outcome.Tag = at, s.tag
		if c.Keyed {
			s.Outcomes[c.ID] = r.outcome
		}
		if (administrative(c.Kind) || operative(c.Kind)) && len(r.outcome.Effects) > 0 {
			s.Audit = append(s.Audit, Audit{c.Time, at, c.Actor, c.Kind, c.Reason, r.targets, r.became, r.note})
		}
	}
	s.Decided = append(s.Decided, Decided{c.ID, r.outcome})
}

func administrative(kind string) bool {
	switch kind {
	case "video.delete", "video.restore", "account.block", "account.unblock":
		return true
	}
	return false
}

// administered notes an administrator's event for the audit: with its command,
// or by itself where it came the bulk way.
func (s *State) administered(r *run, e *Event, action string, target ID, at Pos, effect string) string {
	if r.command != nil && administrative(r.command.Kind) {
		r.targets, r.became = append(r.targets, target), append(r.became, effect)
	} else {
		s.Audit = append(s.Audit, Audit{e.Time, at, e.Admin, action, e.Reason, []ID{target}, []string{effect}, ""})
	}
	return effect
}
