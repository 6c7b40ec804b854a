package daemon

import (
	"strings"
	"testing"

	"bod/internal/jobs"
	"bod/internal/ledger"
)

const attachedTwo = `
[[job.hosting.check]]
must = 'attachments == 2'
say = "two attachments are usual"
`

// told is the text of the newest notice whose key begins so.
func (d *desk) told(prefix string) (text string) {
	d.t.Helper()
	d.view(func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{KeyPrefix: "notice/" + prefix, Newest: true, Limit: 1}) {
			if err != nil {
				return err
			}
			b, err := v.Body(m.ID)
			if err != nil {
				return err
			}
			text = textOf(d.t, b)
		}
		return nil
	})
	return strings.Join(strings.Fields(text), " ")
}

// What a person decided with a reason comes back when the same is to be decided again: in the notice of the moment and in the
// request for a confirmation, and nowhere else.
func TestPrecedents(t *testing.T) {
	rules := head + strings.Replace(monthly, `to = ["acme"]`, `to = ["acme", "hibari"]`, 1) + attachedTwo
	rules = strings.Replace(rules, `attach = ["pdf/acme-*.pdf"]`, `attach = ["pdf/{partner.id}-*.pdf"]`, 1)
	d := newDesk(t, "10-20 09:00", rules)
	d.pdf("pdf/acme-1.pdf", "a")
	d.pdf("pdf/hibari-1.pdf", "h")
	d.to("10-22 10:30") // prepared on the business day before the 23rd
	r := d.run("hosting", "2026-10")
	if s := d.told("check/"); s == "" || strings.Contains(s, "Last time") {
		t.Fatalf("the first notice: %q", s)
	}
	byPart := map[string]string{}
	for _, m := range d.letters(r.ID) {
		byPart[m.Part] = m.Number
	}
	d.must("sato", "release", "the contract changed", Request{Message: byPart["acme"]})
	d.must("sato", "reject", "billed by somebody else", Request{Message: byPart["hibari"]})
	d.must("tanaka", "confirm", "compared with the contract", Request{Run: r.Number, Set: d.set(r.ID)})
	d.to("10-23 12:00")
	if got := d.run("hosting", "2026-10").State; got != ledger.RunDone {
		t.Fatalf("October is %s", got)
	}

	d.pdf("pdf/acme-1.pdf", "a2")
	d.pdf("pdf/hibari-1.pdf", "h2")
	d.to("11-24 10:30")
	r = d.run("hosting", "2026-11")
	const want = "Last time (Thu 22 Oct"
	if s := d.told("check/"); !strings.Contains(s, want) || !strings.Contains(s, "billed by somebody else") {
		t.Errorf("the notice of a held run doesn't tell the last decision of it:\n%s", s)
	}
	d.view(func(v *ledger.View) error {
		for _, m := range d.letters(r.ID) {
			words, err := jobs.PrecedentOf(d.config, v, m, d.now)
			if err != nil {
				return err
			}
			if why := map[string]string{"acme": `sent as it was, Sato: "the contract changed"`, "hibari": `called off, Sato: "billed by somebody else"`}[m.Part]; !strings.Contains(words, why) {
				t.Errorf("%s: %q, want %q", m.Part, words, why)
			}
		}
		return nil
	})
	d.must("sato", "release", "as always", Request{Run: r.Number})
	d.to("11-24 10:40")
	if s := d.told("confirm/"); !strings.Contains(s, want) || !strings.Contains(s, "compared with the contract") {
		t.Errorf("the request for a confirmation doesn't tell what was said to the last one:\n%s", s)
	}

	// A question of another kind has no precedent in it.
	for _, m := range d.letters(r.ID) {
		d.must("mori", "hold", "wait", Request{Message: m.Number})
	}
	d.to("11-24 10:50")
	if s := d.told("person/"); s == "" || strings.Contains(s, "Last time") {
		t.Errorf("held by a person: %q", s)
	}
}
