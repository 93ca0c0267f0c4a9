package api

import "github.com/tidemark-io/tidemark/events"

// Role is a right that a token gives beyond being someone.
type Role uint8

// The roles that tidemark knows. Others in a token are ignored.
const (
	// RoleService is a trusted back end: workers, gateways, importers.
	RoleService Role = 1 << iota
	// RoleAdmin is a moderator of the platform.
	RoleAdmin
)

// Roles is a set of roles.
type Roles uint8

// Has reports whether the set holds the role.
func (r Roles) Has(role Role) bool { return Roles(role)&r != 0 }

// With returns the set with the role added.
func (r Roles) With(role Role) Roles { return r | Roles(role) }

// Names returns the roles as a token spells them, never nil.
func (r Roles) Names() []string {
	names := []string{}
	for _, role := range roleNames {
		if r.Has(role.role) {
			names = append(names, role.name)
		}
	}
	return names
}

// ParseRole returns the role of that name; ok is false for a name that
// tidemark does not know.
func ParseRole(name string) (role Role, ok bool) {
	for _, r := range roleNames {
		if r.name == name {
			return r.role, true
		}
	}
	return 0, false
}

var roleNames = [...]struct {
	name string
	role Role
}{{"service", RoleService}, {"admin", RoleAdmin}}

// Caller is who makes a request, as the token says. The zero Caller is anonymous.
type Caller struct {
	// ID is the token's sub.
	ID    events.UserID
	Roles Roles
	// Known is false for a request without a token. A token may name the nil
	// UUID, so ID alone does not tell.
	Known bool
}

// Has reports whether the caller has the role.
func (c Caller) Has(role Role) bool { return c.Roles.Has(role) }
