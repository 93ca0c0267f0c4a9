package main

import (
	"fmt"
	"os"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
)

type tokenCmd struct {
	Sub       string        `required:"" placeholder:"UUID" help:"The user whom the token names."`
	Role      []string      `enum:"admin,service" help:"A role the token grants; may be repeated."`
	TTL       time.Duration `name:"ttl" default:"1h" help:"How long the token is good."`
	DataDir   string        `default:"./tidemark-data" help:"Data directory of the service, which holds its secret."`
	JWTSecret string        `name:"jwt-secret" help:"The service's secret, where it was given one."`
}

// Run prints a token signed with the service's secret.
func (t *tokenCmd) Run() error {
	var sub events.UserID
	if !events.ParseUUID((*[16]byte)(&sub), t.Sub) {
		return fmt.Errorf("--sub %w", events.ErrBadID)
	}
	var roles api.Roles
	for _, name := range t.Role {
		role, ok := api.ParseRole(name)
		if !ok {
			return fmt.Errorf("--role %s is unknown; use admin or service", api.Quote(name))
		}
		roles = roles.With(role)
	}
	secret := []byte(t.JWTSecret)
	if len(secret) == 0 {
		var err error
		secret, err = dataSecret(t.DataDir, func(path string) {
			fmt.Fprintf(os.Stderr, "tidemark: made a new secret in %s; only tokens signed with it are good there\n", path)
		})
		if err != nil {
			return err
		}
	}
	token, err := api.Mint(secret, sub, roles, t.TTL, time.Now())
	if err != nil {
		return err
	}
	fmt.Println(token)
	return nil
}
