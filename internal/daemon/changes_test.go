package daemon

import (
	"strings"
	"testing"
)

// TestEditIsTold: a saved edit is told with the reload that puts it to work, once; the first rules, a remark, and a
// start with the rules of before are no edit.
func TestEditIsTold(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly+daily)
	d.settle()
	count := func() int { return strings.Count(strings.Join(d.sink.notices(), " "), "notice/rules/") }
	if n := count(); n != 0 {
		t.Errorf("the first rules were told as an edit: %v", d.sink.notices())
	}
	swap := func(rules string) {
		t.Helper()
		d.write("jobs.toml", rules)
		if err := d.office.Swap(d.load()); err != nil {
			t.Fatal(err)
		}
		d.settle()
	}
	moved := strings.Replace(monthly, "毎月25日", "毎月20日", 1)
	swap("# a remark\n" + head + monthly + daily)
	if n := count(); n != 0 {
		t.Errorf("a remark was told: %v", d.sink.notices())
	}
	swap(head + moved + daily)
	if n := count(); n != 1 { // Sato is admin and owner: one mail
		t.Errorf("%d notices of the edit: %v", n, d.sink.notices())
	}
	d.restart("11-20 09:30")
	d.settle()
	if n := count(); n != 1 {
		t.Errorf("told again after a restart: %v", d.sink.notices())
	}
	swap(head + monthly + daily) // taken back, and that is an edit too
	swap(head + moved + daily)
	if n := count(); n != 3 {
		t.Errorf("%d notices of three edits: %v", n, d.sink.notices())
	}
}

// TestChangedSettingsAreTold: a changed sender, server or bank account is told like a changed rule, also one that was made
// while bod was off; a ledger that does not know what held before tells nothing.
func TestChangedSettingsAreTold(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly+daily)
	d.settle()
	count := func(want int) {
		t.Helper()
		d.settle()
		if n := strings.Count(strings.Join(d.sink.notices(), " "), "notice/rules/"); n != want {
			t.Errorf("%d notices, not %d: %v", n, want, d.sink.notices())
		}
	}
	count(0)
	other := strings.Replace(head, "[mail]\n", "[mail]\nreply_to = \"other@aozora.example\"\n", 1)
	d.write("jobs.toml", other+monthly+daily)
	if err := d.office.Swap(d.load()); err != nil {
		t.Fatal(err)
	}
	count(1)
	d.restart("11-20 09:30")
	count(1)
	d.write("jobs.toml", head+monthly+daily) // taken back while bod is off
	d.restart("11-20 09:40")
	count(2)
}
