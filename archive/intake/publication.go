package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// openPublication makes sure that the publication tells the changes of the mapped
// tables. One that is there and right is left alone: to change it takes locks on
// the tables. slot is what is known of the slot of that name.
func openPublication(ctx context.Context, conn *pgx.Conn, name string, sources []source, slot slot) error {
	var there, asRoot bool
	var tables []uint32
	err := conn.QueryRow(ctx, `SELECT true, pubviaroot AND pubinsert AND pubupdate AND pubdelete AND pubtruncate,
		ARRAY(SELECT prrelid FROM pg_publication_rel WHERE prpubid = p.oid ORDER BY prrelid) FROM pg_publication p WHERE pubname = $1`, name).
		Scan(&there, &asRoot, &tables)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("look for publication %s: %w", name, err)
	}
	wanted := map[uint32]string{}
	for _, s := range sources {
		wanted[s.oid] = s.quoted()
	}
	names := make([]string, 0, len(wanted))
	same := len(tables) == len(wanted)
	for oid, quoted := range wanted {
		names = append(names, quoted)
		same = same && slices.Contains(tables, oid)
	}
	slices.Sort(names)
	quoted, list := pgx.Identifier{name}.Sanitize(), strings.Join(names, ", ")
	// Changes of partitions are told under the name of the table that has them.
	const options = "(publish = 'insert, update, delete, truncate', publish_via_partition_root = true)"
	var statements []string
	switch {
	case !there && slot.there:
		return fmt.Errorf("publication %s: %w", name, ErrPublicationGone)
	case !there:
		statements = []string{"CREATE PUBLICATION " + quoted + " FOR TABLE " + list + " WITH " + options}
	case same && asRoot:
		return nil
	case !slot.there:
		return setUp("there is a publication %s, of other tables; choose another --slot, or remove it with: tidemark ingest postgres --slot %s --drop", name, name)
	default:
		statements = []string{"ALTER PUBLICATION " + quoted + " SET TABLE " + list, "ALTER PUBLICATION " + quoted + " SET " + options}
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return answered(fmt.Errorf("publication %s: %w", name, err))
		}
	}
	return nil
}
