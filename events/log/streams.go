package log

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Names that others who read or write the streams rely on.
const (
	// EventsStream is the stream of record batches.
	EventsStream = "tidemark-events"
	// DeadLettersStream is the stream of dead letters.
	DeadLettersStream = "tidemark-dead-letters"
	// BatchSubject is where record batches are published. The number is the
	// partition; there is one.
	BatchSubject = "tidemark.events.0.batch"
	// DeadLetterSubject is where dead letters are published.
	DeadLetterSubject = "tidemark.dead.0"
	// IncarnationKey is the key of the incarnation in the events stream's metadata.
	IncarnationKey = "tidemark-incarnation"
)

const (
	eventsSubjects      = "tidemark.events.*.batch"
	deadLettersSubjects = "tidemark.dead.*"
	// maxMessageBytes bounds a message with its headers: what a NATS server
	// takes unless told otherwise.
	maxMessageBytes = 1 << 20
)

// streamConfig is what both streams have in common. DiscardOld with MaxMsgs is
// the way to trim (lowered and set back), so no limit stands by default; there
// is no MaxAge, because only what reads the log knows what it no longer needs.
func streamConfig(cfg Config, name, subjects string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        name,
		Subjects:    []string{subjects},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxMsgs:     -1,
		MaxBytes:    -1,
		MaxMsgSize:  maxMessageBytes,
		Duplicates:  cfg.duplicates,
		DenyDelete:  !cfg.allowDelete,
		AllowDirect: true,
		Replicas:    cfg.Replicas,
	}
}

// errGone is returned where the log has been before and is not any more.
var errGone = fmt.Errorf("%w: stream %s is gone. Put the right log back (the jetstream folder, or --nats-url), or use another --data-dir",
	ErrForeignLog, EventsStream)

// openStreams creates the streams that are not there, refuses those that could
// lose events, and returns the log's incarnation and lineage.
func openStreams(ctx context.Context, js jetstream.JetStream, cfg Config) (identity, error) {
	var none identity
	if cfg.Existing {
		_, err := js.Stream(ctx, EventsStream)
		if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return none, fmt.Errorf("look for stream %s: %w", EventsStream, err)
		}
		if err != nil {
			return none, errGone
		}
	}
	dead := streamConfig(cfg, DeadLettersStream, deadLettersSubjects)
	dead.Description = "tidemark: events that could not be folded, with their reasons"
	if _, err := openStream(ctx, js, cfg, dead); err != nil {
		return none, err
	}
	log := streamConfig(cfg, EventsStream, eventsSubjects)
	log.Description = "tidemark: the event log, in record batches"
	log.Metadata = identity{incarnation: NewIncarnation()}.metadata(nil)
	info, err := openStream(ctx, js, cfg, log)
	if err != nil {
		return none, err
	}
	return cfg.identify(info)
}

func openStream(ctx context.Context, js jetstream.JetStream, cfg Config, want jetstream.StreamConfig) (*jetstream.StreamInfo, error) {
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = js.Stream(ctx, want.Name) // another node was first
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", want.Name, err)
	}
	info := stream.CachedInfo()
	if err := checkStream(info.Config, want); err != nil {
		return nil, err
	}
	if info.Config.Replicas != want.Replicas {
		cfg.Logger.Warn("stream has another number of replicas than configured", "stream", want.Name,
			"replicas", info.Config.Replicas, "configured", want.Replicas)
	}
	return info, nil
}

// checkStream refuses a stream that could lose events, reorder them or
// acknowledge them before they are stored, with what to do about it.
func checkStream(got, want jetstream.StreamConfig) error {
	faults := []struct {
		is   bool
		what string
		edit string // an option of `nats stream edit`; "" where no edit helps
	}{
		{got.Storage != jetstream.FileStorage, "it is kept in memory", ""},
		{got.Retention != jetstream.LimitsPolicy, "its retention is " + got.Retention.String() + ", which removes what was consumed", ""},
		{got.Mirror != nil || len(got.Sources) > 0, "it is filled from another stream", ""},
		{got.Sealed, "it is sealed", ""},
		{got.NoAck, "it acknowledges nothing", "--ack"},
		{got.PersistMode == jetstream.AsyncPersistMode, "it acknowledges before it writes (persist mode async)", ""},
		{got.Discard != want.Discard, "it refuses new messages at its limits", "--discard=old"},
		{got.MaxAge != 0, "it drops messages by age", "--max-age=0"},
		{got.MaxMsgs > 0, "it drops messages by number", "--max-msgs=-1"},
		{got.MaxBytes > 0, "it drops messages by size", "--max-bytes=-1"},
		{got.MaxMsgsPerSubject > 0, "it drops messages by subject", "--max-msgs-per-subject=-1"},
		{got.MaxMsgSize > 0 && got.MaxMsgSize < maxMessageBytes, "it takes only small messages", fmt.Sprintf("--max-msg-size=%d", maxMessageBytes)},
		{got.AllowRollup, "any publisher may purge it (rollup headers)", "--no-allow-rollup"},
		{want.DenyDelete && !got.DenyDelete, "messages may be deleted from its middle", "--deny-delete"},
		{strings.Join(got.Subjects, ",") != strings.Join(want.Subjects, ","),
			fmt.Sprintf("its subjects are %q", got.Subjects), "--subjects=" + want.Subjects[0]},
	}
	for _, fault := range faults {
		switch {
		case !fault.is:
		case fault.edit != "":
			return fmt.Errorf("%w: %s: %s; change that with: nats stream edit %s %s", ErrStreamConfig, want.Name, fault.what, want.Name, fault.edit)
		default:
			return fmt.Errorf("%w: %s: %s, and no edit changes that; back the stream up, delete it and start again, or use another NATS account", ErrStreamConfig, want.Name, fault.what)
		}
	}
	return nil
}
