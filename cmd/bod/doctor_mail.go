package main

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/daemon"
	"bod/internal/mailer"
)

// credentials sees that the secrets can be read, by bod alone, and when they end. What they say is never shown.
func (d *doctor) credentials(context.Context) {
	if d.unread() {
		return
	}
	m := d.c.Mail
	if m.Server == "" || m.User == "" {
		d.ok("パスワードは使っていません", "none are used")
		return
	}
	read, file, what := m.Password, m.PasswordFile, "smtp-password"
	if m.OAuth2 != nil {
		read, file, what = m.ClientSecret, m.OAuth2.SecretFile, "smtp-oauth2-secret"
	}
	if _, err := read(); err != nil {
		next := d.in("ファイルの場所と権限を確かめてください", "see whether the file is there and may be read")
		state := stateWrong
		if file == "" && os.Getenv("CREDENTIALS_DIRECTORY") == "" {
			// Only the service itself has its credentials.
			state, next = stateNote, d.in("サービスには systemd が渡します（LoadCredential="+what+":…）。サービスが動いているあいだに sudo -u bod bod doctor とすると読めて、ログインも試せます", "the service gets it from systemd (LoadCredential="+what+":…); sudo -u bod bod doctor can read it while the service runs, and then tries the login")
		}
		d.add(state, d.with("%s を読めません：%v", "couldn't read %s: %v", what, err), next)
	} else if file == "" {
		d.ok("systemd の credential「%s」を読めます", "systemd's credential %s can be read", what)
	} else if info, err := os.Stat(file); err == nil {
		switch perm := info.Mode().Perm(); {
		case perm&0o007 != 0:
			d.private(file, info, 0o007, stateWrong, "chmod 600 ")
		case perm&0o070 != 0:
			d.private(file, info, 0o070, stateNote, "chmod 600 ")
		default:
			d.private(file, info, 0, stateOK, "")
		}
	}
	if m.OAuth2 == nil {
		return
	}
	today, end := calendar.DateOf(d.now().In(d.zone)), m.OAuth2.Expires
	next := d.in("新しいクライアントシークレットを作り、差し替えてから expires を直してください", "make a new client secret, put it in place, then set expires")
	switch {
	case end.IsZero():
		d.add(stateNote, d.in("クライアントシークレットの期限が書かれていません", "it is not said when the client secret ends"), d.in("[mail.oauth2] に expires を書いておくと、切れる前に知らせます", "write expires in [mail.oauth2] to be told before"))
	case end.Before(today):
		d.add(stateWrong, d.with("クライアントシークレットは %s に切れました", "the client secret ended on %s", end), next)
	case end.Before(today.AddDays(30)):
		d.add(stateNote, d.with("クライアントシークレットは %s に切れます", "the client secret ends on %s", end), next)
	default:
		d.ok("クライアントシークレットは %s まで使えます", "the client secret is good until %s", end)
	}
}

// mailServer connects as bod does, logs in and leaves. Where the password cannot be read the login is left out.
func (d *doctor) mailServer(ctx context.Context) {
	if d.unread() {
		return
	}
	c := *d.c
	if c.Mail.Server == "" {
		d.ok("お試し中で、メールサーバーはありません", "on trial, without a mail server")
		return
	}
	read := c.Mail.Password
	if c.Mail.OAuth2 != nil {
		read = c.Mail.ClientSecret
	}
	if _, err := read(); c.Mail.User != "" && err != nil {
		c.Mail.User, c.Mail.Auth, c.Mail.OAuth2 = "", "", nil
	}
	carrier, err := daemon.NewCarrier(&c)
	if err != nil {
		return // told by the configuration
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	began := time.Now()
	in, err := mailer.Inspect(ctx, carrier)
	if err != nil {
		d.refused(err)
		return
	}
	took := time.Since(began).Round(time.Millisecond)
	if in.TLS == "" {
		d.ok("%s：つながります（暗号化なし、%v）", "%s answers (clear text, %v)", c.Mail.Server, took)
	} else {
		d.ok("%s：つながります（%s、%v）", "%s answers (%s, %v)", c.Mail.Server, in.TLS, took)
		d.certificate(in.Expires)
	}
	switch {
	case in.LoggedIn:
		d.ok("%s としてログインできます", "the login as %s is taken", c.Mail.User)
	case d.c.Mail.User != "":
		d.skip("ログインは、パスワードを読めないので試していません", "the login was not tried: the password can't be read")
	}
}

func (d *doctor) certificate(end time.Time) {
	day := end.In(d.zone).Format(time.DateOnly)
	if end.Before(d.now().AddDate(0, 0, 14)) {
		d.add(stateNote, d.with("サーバーの証明書は %s に切れます", "the server's certificate ends on %s", day), d.in("メールサーバーの管理者に知らせてください", "tell whoever looks after the mail server"))
		return
	}
	d.ok("サーバーの証明書は %s まで使えます", "the server's certificate is good until %s", day)
}

// refused words why no session came about.
func (d *doctor) refused(err error) {
	server := d.c.Mail.Server
	refused, ok := errors.AsType[*mailer.SessionError](err)
	if !ok {
		d.add(stateWrong, d.with("%s につながりません：%v", "couldn't reach %s: %v", server, err),
			d.in("名前とポート、ファイアウォール、サーバーが動いているかを確かめてください", "see whether name and port are right, a firewall stands between, and the server is up"))
		return
	}
	invalid, expired := errors.AsType[x509.CertificateInvalidError](err)
	expired = expired && invalid.Reason == x509.Expired
	switch {
	case expired:
		d.add(stateWrong, d.with("%s の証明書は期限が切れています：%s", "the certificate of %s has expired: %s", server, refused.Words),
			d.in("メールサーバーの管理者に、証明書の更新を頼んでください（この機械の時計も確かめてください）", "ask whoever looks after the mail server to renew it, and see whether this machine's clock is right"))
	case refused.Stage == "certificate":
		d.add(stateWrong, d.with("%s の証明書を確かめられません：%s", "the certificate of %s can't be trusted: %s", server, refused.Words),
			d.in("server に書いた名前が証明書の名前と同じか確かめてください。社内の認証局なら、その証明書を ca に書いてください", "see whether server has the name that is in the certificate; with an authority of your own name its certificate as ca"))
	case refused.Credential:
		d.add(stateWrong, d.with("%s がログインを断りました：%d %s", "%s refused the login: %d %s", server, refused.Code, refused.Words),
			d.in("user とパスワードを確かめてください。くり返し試すと、アカウントが止められることがあります", "see whether user and password are right; trying again and again may lock the account"))
	case refused.Stage == "auth":
		d.add(stateWrong, d.with("%s にログインできません：%s", "couldn't log in at %s: %s", server, refused.Words), d.in("auth と user を確かめてください", "see whether auth and user are right"))
	case refused.Stage == "starttls" || refused.Stage == "tls":
		d.add(stateWrong, d.with("%s と暗号化してつなげません：%s", "couldn't secure the line to %s: %s", server, refused.Words),
			d.in("587番なら smtp://、465番なら smtps:// で書いてください", "port 587 takes smtp://, port 465 smtps://"))
	default:
		d.add(stateWrong, d.with("%s が断りました（%s）：%s", "%s refused (%s): %s", server, refused.Stage, refused.Words), d.in("メールサーバーの管理者に相談してください", "ask whoever looks after the mail server"))
	}
}

// reserved are names that DNS never has (RFC 2606, RFC 6761).
var reserved = []string{"example", "example.com", "example.net", "example.org", "test", "invalid", "localhost"}

// usualSelectors are tried where nobody said DKIM's: those of the big providers and of guides for Postfix.
var usualSelectors = []string{"default", "selector1", "selector2", "google", "mail", "dkim", "s1", "s2", "k1"}

// domain looks at what DNS says of the sender. It cannot know by which address mail leaves the relay.
func (d *doctor) domain(ctx context.Context) {
	if d.unread() {
		return
	}
	from := d.c.Mail.From.Mail
	name := strings.ToLower(from[strings.LastIndexByte(from, '@')+1:])
	if d.c.Mail.Server == "" {
		d.ok("お試し中で、送っていません", "on trial: nothing is sent")
		return
	}
	if slices.ContainsFunc(reserved, func(r string) bool { return name == r || strings.HasSuffix(name, "."+r) }) {
		d.skip("%s は見本のための名前で、DNS にはありません", "%s is a name for examples, which DNS does not have", name)
		return
	}
	spf, err := d.texts(ctx, name, "v=spf1")
	if err != nil {
		d.skip("SPF・DKIM・DMARC は調べていません。DNS に届きません（%v）", "SPF, DKIM and DMARC were not looked at: DNS can't be reached (%v)", err)
		return
	}
	d.spf(name, spf)
	d.dkim(ctx, name)
	d.dmarc(ctx, name)
}

// texts are the TXT records of a name that begin with a word. That there are none is no error.
func (d *doctor) texts(ctx context.Context, name, word string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	all, err := d.txt(ctx, name+".")
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(t string) bool {
		first, _, _ := strings.Cut(strings.ReplaceAll(t, ";", " "), " ")
		return !strings.EqualFold(first, word)
	}), nil
}

func (d *doctor) spf(name string, found []string) {
	switch {
	case len(found) == 0:
		d.add(stateWrong, d.with("SPF：%s にありません", "SPF: %s has none", name), d.in("送信サーバーを書いた TXT レコード「v=spf1 … -all」を DNS に足してください", "add a TXT record \"v=spf1 … -all\" that names the servers that send"))
	case len(found) > 1:
		d.add(stateWrong, d.with("SPF：%s に %d 個あり、どれも効きません", "SPF: %s has %d, so that none counts", name, len(found)), d.in("1つにまとめてください（RFC 7208）", "join them into one (RFC 7208)"))
	case slices.ContainsFunc(strings.Fields(strings.ToLower(found[0])), func(w string) bool { return w == "+all" || w == "all" }):
		d.add(stateWrong, d.with("SPF：%s は、だれからの送信も認めています（%s）", "SPF: %s lets anybody send (%s)", name, found[0]), d.in("+all を -all か ~all に直してください", "write -all or ~all instead of +all"))
	default:
		d.ok("SPF：%s", "SPF: %s", found[0])
	}
}

func (d *doctor) dkim(ctx context.Context, name string) {
	selectors := usualSelectors
	if d.selector != "" {
		selectors = []string{d.selector}
	}
	for _, s := range selectors {
		// v= may be left out (RFC 6376 3.6.1), so any record with a key counts.
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		found, err := d.txt(ctx, s+"._domainkey."+name+".")
		cancel()
		if dns, ok := errors.AsType[*net.DNSError](err); err != nil && !(ok && dns.IsNotFound) {
			d.skip("DKIM：DNS に届きません（%v）", "DKIM: DNS can't be reached (%v)", err)
			return
		}
		for _, t := range found {
			_, key, ok := strings.Cut(strings.ReplaceAll(t, " ", ""), "p=")
			key, _, _ = strings.Cut(key, ";")
			switch {
			case ok && key != "":
				d.ok("DKIM：%s._domainkey.%s に鍵があります", "DKIM: there is a key at %s._domainkey.%s", s, name)
				return
			case ok && d.selector != "":
				d.add(stateWrong, d.with("DKIM：%s の鍵は取り消されています", "DKIM: the key of %s is revoked", s), d.in("いま使っているセレクターを確かめてください", "see which selector is in use"))
				return
			}
		}
	}
	if d.selector != "" {
		d.add(stateWrong, d.with("DKIM：%s._domainkey.%s に鍵がありません", "DKIM: there is no key at %s._domainkey.%s", d.selector, name), d.in("セレクターの名前と DNS を確かめてください", "see whether the selector is right and DNS has it"))
		return
	}
	d.add(stateNote, d.in("DKIM：よくある名前のセレクターには鍵がありませんでした", "DKIM: no key at any of the usual selectors"), d.in("届いたメールの DKIM-Signature にある s= の値を --selector に書いて、もう一度調べてください", "look again with --selector and what stands as s= in the DKIM-Signature of a received message"))
}

func (d *doctor) dmarc(ctx context.Context, name string) {
	// A domain without a record of its own goes by the one above it; how far up is the
	// public suffix list's to say (RFC 7489 6.6.3), and two steps meet nearly all.
	for at, steps := name, 0; steps < 3 && strings.Contains(at, "."); steps++ {
		found, err := d.texts(ctx, "_dmarc."+at, "v=DMARC1")
		switch {
		case err != nil:
			d.skip("DMARC：DNS に届きません（%v）", "DMARC: DNS can't be reached (%v)", err)
			return
		case len(found) > 1:
			d.add(stateWrong, d.with("DMARC：%s に %d 個あり、どれも効きません", "DMARC: %s has %d, so that none counts", at, len(found)), d.in("1つにしてください", "leave one"))
			return
		case len(found) == 1:
			d.ok("DMARC：%s", "DMARC: %s", found[0])
			return
		}
		_, at, _ = strings.Cut(at, ".")
	}
	d.add(stateNote, d.with("DMARC：%s にありません", "DMARC: %s has none", name), d.with("TXT レコード「v=DMARC1; p=none」を _dmarc.%s に足すところから始められます", "begin with a TXT record \"v=DMARC1; p=none\" at _dmarc.%s", name))
}
