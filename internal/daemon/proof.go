package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"bod/internal/jobs"
	"bod/internal/ledger"
)

const (
	// proofSpan is how long the relay's log is asked about a message, and proofMost how many messages in one round.
	proofSpan = 12 * time.Hour
	proofMost = 20
)

// question is what the administrator's program proof gets on standard input, as one JSON object.
type question struct {
	MessageID  string    `json:"message_id"` // without < and >
	From       string    `json:"from"`       // of the envelope
	Recipients []string  `json:"recipients"` // those whose answer was lost
	Began      time.Time `json:"began"`      // nothing of this attempt happened before
	Server     string    `json:"server"`     // as the rules have it
}

// answer is what it says of one recipient.
type answer struct {
	Recipient string `json:"recipient"`
	Result    string `json:"result"`
	Evidence  string `json:"evidence"` // the log's own words, for whoever reads the record years later
}

// proven are the results that settle something. "not-found" and "unknown" are the others, and they settle nothing: a log may
// be cut, late, or another machine's, so that what it lacks proves nothing. That is why no answer queues a message again;
// not even the relay's word that it refused it, for a person has to see why.
var proven = map[string]ledger.State{"sent": ledger.StateSent, "refused": ledger.StateFailed}

// asked is when a message was last asked about. It lives in memory: after a restart everything is asked at once again.
type asked struct {
	tries int
	next  time.Time
}

// prove asks the administrator's program what became of the messages whose answer was lost, and settles what it proves.
// Asking has no effect, so it is level-triggered and repeats, less and less often: logs come late.
func (o *Office) prove(ctx context.Context) (settled int, err error) {
	st := o.at.Load()
	if st.config.ProofProgram == "" || o.ledger.Rehearsal() {
		return 0, nil
	}
	now := o.moment()
	type doubt struct {
		message ledger.Message
		question
	}
	var doubts []doubt
	open := map[int64]asked{}
	err = o.ledger.View(ctx, func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{States: []ledger.State{ledger.StateUnknown}}) {
			if err != nil {
				return err
			}
			q := question{MessageID: strings.Trim(m.MessageID, "<>"), From: m.From, Server: st.config.Mail.Server}
			for _, d := range m.Deliveries {
				if d.State != ledger.StateUnknown || now.After(d.Changed.Add(proofSpan)) {
					continue
				}
				began, err := begun(v, m, d)
				if err != nil {
					return err
				}
				q.Recipients, q.Began = append(q.Recipients, d.Mail), earlier(q.Began, began)
			}
			if len(q.Recipients) == 0 {
				continue
			}
			open[m.ID] = o.asked[m.ID]
			if !now.Before(open[m.ID].next) && len(doubts) < proofMost {
				doubts = append(doubts, doubt{m, q})
			}
		}
		return nil
	})
	o.asked = open // what is settled is forgotten
	if err != nil {
		return 0, fmt.Errorf("couldn't see what is unknown: %w", err)
	}
	for _, x := range doubts {
		n, err := o.ask(ctx, st, x.message, x.question)
		settled += n
		if ctx.Err() != nil {
			return settled, nil
		}
		if err != nil {
			o.log.Error("couldn't ask the mail server's log", "message", x.message.Number, "err", err)
		}
		a := o.asked[x.message.ID]
		a.tries++
		a.next = o.moment().Add(backoff(a.tries))
		o.asked[x.message.ID] = a
	}
	return settled, nil
}

// begun is the moment before which nothing of a delivery's lost attempt can be in a log: when the dot was about to go, or,
// where the ledger does not know that (it was restored from an older copy), when the message was sealed.
func begun(v *ledger.View, m ledger.Message, d ledger.Delivery) (time.Time, error) {
	events, err := v.EventsOf("delivery", strconv.FormatInt(d.ID, 10))
	if err != nil {
		return time.Time{}, err
	}
	began := m.Sealed
	for _, e := range events {
		var is struct{ State ledger.State }
		if err := json.Unmarshal(e.Change, &is); err != nil {
			return time.Time{}, err
		}
		if is.State == ledger.StateSending && d.Words != ledger.WordsRestored {
			began = e.At
		}
	}
	return began.UTC(), nil
}

// ask asks about one message and records what is proven.
func (o *Office) ask(ctx context.Context, st *standing, m ledger.Message, q question) (settled int, err error) {
	words, err := json.Marshal(q)
	if err != nil {
		return 0, err
	}
	said, err := program{path: st.config.ProofProgram}.call(ctx, append(words, '\n'))
	if err != nil {
		return 0, err
	}
	var reply struct {
		Answers []answer `json:"answers"`
	}
	if err := json.Unmarshal(said, &reply); err != nil {
		return 0, fmt.Errorf("the program %s gave no answer that can be read: %w", st.config.ProofProgram, err)
	}
	name := filepath.Base(st.config.ProofProgram)
	who := self()
	who.Name = jobs.Proof + name
	for _, d := range m.Deliveries {
		a, ok := only(reply.Answers, d.Mail)
		to, proves := proven[a.Result]
		evidence := oneLine(a.Evidence, 400)
		if d.State != ledger.StateUnknown || !ok || !proves || evidence == "" {
			o.log.Debug("the mail server's log proves nothing", "message", m.Number, "to", d.Mail, "result", oneLine(a.Result, 20), "evidence", evidence)
			continue
		}
		text := st.words().say("メールログ（%s）：%s", "mail log (%s): %s", name, evidence)
		err := o.ledger.Update(ctx, o.moment(), who, func(tx *ledger.Tx) error {
			return tx.MoveDelivery(d.ID, ledger.StateUnknown, to, text)
		})
		switch {
		case errors.Is(err, ledger.ErrStale):
			continue // a person was faster
		case err != nil:
			return settled, fmt.Errorf("couldn't record what the mail server's log says: %w", err)
		}
		settled++
		o.log.Warn("settled by the mail server's log", "job", m.Job, "message", m.Number, "key", m.Key, "state", to, "words", evidence)
	}
	return settled, nil
}

// only is the one answer about a recipient; two of them are none.
func only(as []answer, mail string) (found answer, ok bool) {
	for _, a := range as {
		if !strings.EqualFold(a.Recipient, mail) {
			continue
		}
		if ok {
			return answer{}, false
		}
		found, ok = a, true
	}
	return found, ok
}

// programs calls the administrator's programs: what the log proves need not be told.
func (o *Office) programs(ctx context.Context, after time.Duration) (settled int, err error) {
	o.calling.Lock()
	defer o.calling.Unlock()
	settled, err = o.prove(ctx)
	return settled, errors.Join(err, o.raise(ctx, after))
}
