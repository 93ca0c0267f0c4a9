package readmodel

// Effect is what folding one event did.
type Effect uint8

// The effects. Their numbers are kept with remembered outcomes.
const (
	// None: nothing was there to change.
	None Effect = iota
	// Applied: the event changed the state.
	Applied
	// Updated: it changed how something already so is so (a block's retract).
	Updated
	// Duplicate: the same fact was folded before.
	Duplicate
	// Superseded: a later fact stands; the event came too late to matter.
	Superseded
	// Conflict: the ID belongs to somebody else, or the state forbids it.
	Conflict
	// NotFound: what it speaks of was never seen.
	NotFound
	// Forbidden: the actor may not do this to another's.
	Forbidden
	// Suppressed: kept from a recipient who has blocked the actor.
	Suppressed
	// Poisoned: the event broke a rule and is a dead letter.
	Poisoned
	// Waiting: an earlier event of the same entity is a dead letter still, so
	// this one stays one too.
	Waiting
)

var effectNames = [...]string{
	"none", "applied", "updated", "duplicate", "superseded", "conflict", "not found", "forbidden", "suppressed", "poisoned", "waiting",
}

// String returns the effect's name.
func (e Effect) String() string {
	if int(e) >= len(effectNames) {
		return "unknown"
	}
	return effectNames[e]
}

// ParseEffect finds the effect of that name; an unknown one has a number that no
// effect has.
func ParseEffect(name string) Effect {
	for e, known := range effectNames {
		if known == name {
			return Effect(e)
		}
	}
	return 255
}
