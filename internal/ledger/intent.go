package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// glance is how often a wait looks whether the file changed: one PRAGMA, no row read.
const glance = 100 * time.Millisecond

// maxArgs bounds what a command may write into the ledger's file.
const maxArgs = 1 << 20

// AddIntent writes an intent from any process, holder or not. It is a bare row: it
// enters the log when the holder finishes it, since only the holder writes there.
func (l *Ledger) AddIntent(ctx context.Context, in Intent) (id int64, err error) {
	if err := l.take(ctx); err != nil {
		return 0, err
	}
	defer l.give()
	if in.At.IsZero() {
		in.At = l.now()
	}
	if len(in.Args) == 0 {
		in.Args = []byte("{}")
	}
	switch {
	case in.Verb == "":
		return 0, errors.New("couldn't ask the ledger's holder: nothing is asked")
	case !json.Valid(in.Args) || len(in.Args) > maxArgs:
		return 0, fmt.Errorf("couldn't ask the ledger's holder to %s: what is asked is not JSON or too long", in.Verb)
	}
	res, err := l.writer.exec("INSERT INTO intents (verb, args, why, who, user, at, ok, result) VALUES ($1, $2, $3, $4, $5, $6, 0, '')",
		clean(in.Verb), clean(string(in.Args)), clean(in.Why), clean(in.Who.Name), clean(in.Who.User), in.At.UnixMicro())
	if err == nil {
		id, err = res.LastInsertId()
	}
	if err != nil {
		return 0, fmt.Errorf("couldn't ask the ledger's holder to %s: %w", in.Verb, err)
	}
	l.intents.Add(1)
	return id, nil
}

// Await waits until the intent is done, or ctx ends.
func (l *Ledger) Await(ctx context.Context, id int64) (Intent, error) {
	s, err := l.reader(ctx)
	if err != nil {
		return Intent{}, err
	}
	defer l.done(s)
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for seen := int64(-1); ; {
		// The version belongs to this one connection, so it is asked before the row: what is written in between is seen at the next glance.
		var version int64
		if err := s.get("PRAGMA data_version", nil, &version); err != nil {
			return Intent{}, fmt.Errorf("couldn't wait for the intent %d: %w", id, err)
		}
		if version != seen {
			seen = version
			v := &View{l: l, s: s, ctx: ctx, now: l.now()}
			in, err := v.Intent(id)
			if err != nil || !in.Done.IsZero() {
				return in, err
			}
		}
		select {
		case <-ctx.Done():
			return Intent{}, fmt.Errorf("couldn't wait for the intent %d any longer: %w", id, context.Cause(ctx))
		case <-l.gone:
			return Intent{}, errClosed
		case <-tick.C:
		}
	}
}
