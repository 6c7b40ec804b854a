package jobs

import (
	"strings"
	"testing"
)

// What a person says yes to is said whole: the blind copy, which letters are not shown, and where to find them.
func TestConfirmRequestOfSeveralLetters(t *testing.T) {
	job := `
[job.greeting]
kind = "send"
title = "年末のごあいさつ"
owner = "sato"
when = "毎月25日 10:00 休みなら前営業日"
prepare = "1営業日前"
to = ["acme", "minato"]
letter = "letters/b.txt"
confirm = { by = ["tanaka"], count = 1 }
`
	d := newDesk(t, realMail+job, map[string]string{"letters/b.txt": "件名：ごあいさつ\n\n{宛名}\n\nお世話になっております。\n"}, tokyo(2026, 11, 24, 8, 0))
	r := d.run("greeting", "2026-11", tokyo(2026, 11, 24, 10, 0))
	ms := d.messages(r.ID)
	got := strings.Join(d.notices(tokyo(2026, 11, 24, 10, 1)), "\n=====\n")
	for _, want := range []string{"宛先と文面をご覧ください", "　控え：hikae@aozora.example", "1通目の文面です。", "ほか1通の文面は、このメールにはありません。", "bod show " + ms[1].Number + "\n",
		"（番号 " + ms[0].Number + "）", "（番号 " + ms[1].Number + "）"} {
		if !strings.Contains(got, want) {
			t.Errorf("the request lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "添付") {
		t.Errorf("nothing is attached:\n%s", got)
	}
	golden(t, "notice-confirm-several-ja", got)
}

// One slip in an address is told once, where it stands, and not again at each job that writes there.
func TestBadAddressIsToldOnce(t *testing.T) {
	o := &office{t: t, dir: t.TempDir()}
	for name, text := range invoices() {
		o.write(name, text)
	}
	_, problems := o.load(invoiceJob + "\n[partner.slip]\nname = \"株式会社スリップ\"\nmail = [\"ap@slip..example\"]\n" +
		strings.NewReplacer("job.hosting", "job.other", `"acme", "minato"`, `"slip"`).Replace(invoiceJob))
	n := 0
	for _, p := range problems {
		if !p.Warning {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d problems: %v", n, problems)
	}
}
