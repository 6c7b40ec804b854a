package mailer

import (
	"net/mail"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	tests := []struct{ in, name, mail string }{
		{"a@b.example", "", "a@b.example"},
		{" <a@b.example> ", "", "a@b.example"},
		{"青空システム 経理 <keiri@aozora.example>", "青空システム 経理", "keiri@aozora.example"},
		{"　佐藤　花子　<sato@aozora.example>", "佐藤　花子", "sato@aozora.example"},
		{"佐藤(経理) <sato@aozora.example>", "佐藤(経理)", "sato@aozora.example"},
		{"A.B. Smith <ab@x.example>", "A.B. Smith", "ab@x.example"},
		{`"Smith, Jo \"J\"" <jo@x.example>`, `Smith, Jo "J"`, "jo@x.example"},
		{`"" <jo@x.example>`, "", "jo@x.example"},
		{"foo..bar@docomo.ne.jp", "", `"foo..bar"@docomo.ne.jp`},
		{"田中 <foo.@ezweb.ne.jp>", "田中", `"foo."@ezweb.ne.jp`},
		{".foo@docomo.ne.jp", "", `".foo"@docomo.ne.jp`},
		{`"foo..bar"@docomo.ne.jp`, "", `"foo..bar"@docomo.ne.jp`},
		{`"plain"@x.example`, "", "plain@x.example"},
		{`"two words"@x.example`, "", `"two words"@x.example`},
		{`"a@b"@x.example`, "", `"a@b"@x.example`},
		{"a+b/c=d@x.example", "", "a+b/c=d@x.example"},
		{"root@localhost", "", "root@localhost"},
		{"a@[192.0.2.1]", "", "a@[192.0.2.1]"},
		{"佐藤@青空.example", "", "佐藤@青空.example"},
	}
	for _, tt := range tests {
		got, err := ParseAddress(tt.in)
		if err != nil || got != (Address{tt.name, tt.mail}) {
			t.Errorf("%q: %+v, %v", tt.in, got, err)
			continue
		}
		again, err := ParseAddress(got.String())
		if err != nil || again != got {
			t.Errorf("%q says itself as %q, which is %+v, %v", tt.in, got.String(), again, err)
		}
	}
	for _, in := range []string{
		"", " ", "a", "@", "a@", "@b.example", "<>", "a@b.example>", "<a@b.example", "a b@x.example", "a@b c.example", "a@b..example", "a@-b.example", "a@b.example.",
		"a@b.example, c@d.example", "a@b.example; c@d.example", "a@b.example <c@d.example>", "Sato, Hana <s@x.example>", `"open <s@x.example>`,
		"a@b.example\r\nBcc: x@y.example", "佐藤\nBcc: x <a@b.example>", "a\x00@b.example", "a\x07 <a@b.example>", "\xff <a@b.example>",
		"sato＠aozora.example", "sato@aozora．example", "sato@ａozora.example", `"a\"@b.example`, `"<x>"@b.example`, "a@[x]", "a@b@c.example",
		strings.Repeat("a", 65) + "@b.example", "a@" + strings.Repeat("a.", 130) + "example", strings.Repeat("名", 100) + " <a@b.example>",
	} {
		if got, err := ParseAddress(in); err == nil {
			t.Errorf("%q is read as %+v", in, got)
		} else if strings.ContainsAny(err.Error(), "\r\n\x00\x07") {
			t.Errorf("%q puts control characters into its error", in)
		}
	}
}

func TestNewMessageID(t *testing.T) {
	for from, domain := range map[string]string{"keiri@aozora.example": "aozora.example", "x@青空.example": "bod.invalid", "nonsense": "bod.invalid", "a@[192.0.2.1]": "192.0.2.1"} {
		a, b := NewMessageID(Address{Mail: from}), NewMessageID(Address{Mail: from})
		if a == b || !strings.HasSuffix(a, "@"+domain) || !messageIDs.MatchString(a) {
			t.Errorf("%s gives %s and %s", from, a, b)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"a@b.example", "佐藤 <a@b.example>", `"x, y" <"a b"@c.example>`, "foo..bar@docomo.ne.jp", "a@b\r\nBcc: c", `"\\" <a@b>`, "<<a@b>>", `"a"b"@c`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(a.Name+a.Mail, "\r\n\x00") {
			t.Fatalf("%q carries a line end: %+v", s, a)
		}
		again, err := ParseAddress(a.String())
		if err != nil || again != a {
			t.Fatalf("%q says itself as %q, which is %+v, %v", s, a.String(), again, err)
		}
		// What we accept, others read as the one address that we mean.
		local, domain, err := splitMailbox(a.Mail)
		if err != nil {
			t.Fatal(err)
		}
		list, err := mail.ParseAddressList(netAddress(a).String())
		if strings.HasPrefix(domain, "[") {
			return // net/mail checks address literals more closely than we do
		}
		if err != nil || len(list) != 1 || list[0].Address != local+"@"+domain {
			t.Fatalf("%q: net/mail reads %v, %v", a.Mail, list, err)
		}
	})
}
