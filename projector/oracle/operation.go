package oracle

import "slices"

// operative says that a command is about the log or the read model itself.
func operative(kind string) bool {
	switch kind {
	case "dead-letter.redrive", "dead-letter.drop", "log.adopt",
		"replay.rebuild", "replay.switch", "replay.rollback", "replay.repair", "replay.import", "replay.discard",
		"replay.verify", "replay.explain", "replay.at", "replay.diff", "replay.report", "replay.export", "replay.cancel", "dead-letter.show":
		return true
	}
	return false
}

// internal says that the service alone writes events of the type.
func internal(kind string) bool {
	return kind == "dead-letter.redriven" || kind == "dead-letter.dropped" || kind == "dead-letter.opened" || kind == "operation.recorded"
}

func (s *State) letter(at Pos) int {
	return slices.IndexFunc(s.DeadLetters, func(d DeadLetter) bool { return d.At == at })
}

func (s *State) removeLetter(at Pos) {
	s.DeadLetters = slices.DeleteFunc(s.DeadLetters, func(d DeadLetter) bool { return d.At == at })
}

// letterTarget writes a dead letter's position where a target's ID stands.
func letterTarget(at Pos) (id ID) {
	n := at.Seq*1024 + uint64(at.Index)
	for i := range 8 {
		id[15-i] = byte(n >> (8 * i))
	}
	return id
}

// mark: a dead letter is about to be redriven, or is dropped.
func (s *State) mark(r *run, e *Event) string {
	kind := map[string]string{"dead-letter.redriven": "dead-letter.redrive", "dead-letter.dropped": "dead-letter.drop"}[e.Type]
	if r.command == nil || r.command.Kind != kind {
		return poisoned
	}
	effect := notFound
	if s.letter(e.Letter) >= 0 {
		effect = applied
	}
	if kind == "dead-letter.redrive" {
		letter := e.Letter
		r.redriving, r.opened, r.gone = &letter, false, false
		if effect == applied {
			return effect
		}
	} else {
		s.removeLetter(e.Letter)
	}
	r.targets, r.became = append(r.targets, letterTarget(e.Letter)), append(r.became, effect)
	return effect
}

// openLetter: a whole message is a dead letter no more; what it holds comes next.
func (s *State) openLetter(r *run, e *Event) string {
	if r.command == nil || r.command.Kind != "dead-letter.redrive" {
		return poisoned
	}
	letter := e.Letter
	i := s.letter(letter)
	r.redriving, r.opened, r.gone, r.again = &letter, true, i < 0 || !s.DeadLetters[i].Whole, false
	if r.gone {
		r.targets, r.became = append(r.targets, letterTarget(letter)), append(r.became, notFound)
		return notFound
	}
	s.removeLetter(letter)
	folded, was := s.batches[e.Batch]
	if r.again = was && s.LogTime-folded <= batchMemory; !r.again {
		s.batches[e.Batch] = s.LogTime
	}
	return applied
}

// redriven: the event of a dead letter stands in the log once more. What fails
// again stays, and so does what comes after it of the same entity.
func (s *State) redriven(r *run, e *Event, at Pos, stored int64) {
	letter := *r.redriving
	r.redriving = nil
	if r.opened {
		r.redriving = &Pos{letter.Seq, letter.Index + 1}
	}
	if r.gone || !r.opened && s.letter(letter) < 0 {
		r.outcome.Effects = append(r.outcome.Effects, notFound)
		return
	}
	effect := waiting
	earlier := func(d DeadLetter) bool {
		return d.At.before(letter) && d.Entity == e.Entity && d.Entity != (ID{})
	}
	if r.opened && r.again {
		effect = duplicate
	} else if !slices.ContainsFunc(s.DeadLetters, earlier) {
		effect = s.judge(r, e, at, stored)
	}
	stays := effect == poisoned || effect == waiting
	if !r.opened && !stays {
		s.removeLetter(letter)
	} else if r.opened && stays {
		s.DeadLetters = append(s.DeadLetters, DeadLetter{At: letter, Raw: e.Raw, Entity: e.Entity})
		slices.SortFunc(s.DeadLetters, func(a, b DeadLetter) int {
			if a.At.before(b.At) {
				return -1
			}
			return 1
		})
	}
	r.targets, r.became = append(r.targets, letterTarget(letter)), append(r.became, effect)
	r.outcome.Effects = append(r.outcome.Effects, effect)
}

// operation: what became of it is kept with who asked for it and why.
func (s *State) operation(r *run, e *Event) string {
	if r.command == nil || !operative(r.command.Kind) {
		return poisoned
	}
	r.note = e.Outcome
	for _, id := range e.IDs {
		r.targets, r.became = append(r.targets, id), append(r.became, applied)
	}
	return applied
}
