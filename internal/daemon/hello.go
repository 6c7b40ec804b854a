package daemon

import (
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// hello sends one message to somebody of the house, to see that it arrives. It is
// sealed as every message is, so that even this one is in the record.
func (a *asking) hello() (string, error) {
	if len(a.req.To) != 1 || a.rules.config.People[a.req.To[0]] == nil {
		return "", a.no("だれに送るのか分かりません。[people] の名前を1つ書いてください", "say whom it goes to: one name of [people]")
	}
	m, err := jobs.Hello(a.rules.config, a.now, a.rules.config.People[a.req.To[0]], a.in.Who.Name)
	if err != nil {
		return "", err
	}
	sealed, err := a.Seal(0, []ledger.NewMessage{m}, nil, false)
	if err != nil {
		return "", err
	}
	sent, err := a.Message(sealed[0].Message)
	if err != nil {
		return "", err
	}
	return a.say("確認のメール %s を用意しました。これから送ります", "message %s is ready and goes now", sent.Number), nil
}
