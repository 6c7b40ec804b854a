package table

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"syscall"
	"time"

	"bod/internal/calendar"
)

// web is a source that an HTTP server gives.
type web struct {
	url    *url.URL
	shape  shape
	header string // of the token; "" for Authorization: Bearer
	user   string // with one the secret is a password
	secret string // the file of the secret
}

var webKeys = append([]Key{
	{"url", "text", "", calendar.Text{JA: "読む場所。https:// で始めます。社内のサーバーは、管理者が may_read_from に書いたものだけ読めます", EN: "where it is read: https://…; a host of the local network has to stand in the administrator's may_read_from"}, `url = "https://erp.example/api/orders"`},
	{"token_header", "text", "", calendar.Text{JA: "トークンを入れるヘッダー。なければ Authorization: Bearer", EN: "the header of the token; else Authorization: Bearer"}, `token_header = "X-Api-Key"`},
	userKey, secretKey,
}, shapeKeys...)

var userKey = Key{"user", "text", "", calendar.Text{JA: "利用者名。パスワードはここには書きません", EN: "the login name; the password never stands here"}, `user = "bod"`}

var secretKey = Key{"secret_file", "file", "", calendar.Text{JA: "トークンやパスワードだけを書いたファイル。なければ systemd の credential「source-表の名前」", EN: "a file that has nothing but the token or password; else systemd's credential source-NAME"}, `secret_file = "/etc/bod/erp-token"`}

// maxRedirects are followed, each only to where the first request might have gone.
const maxRedirects = 5

func decodeWeb(s Settings) origin {
	o := &web{shape: decodeShape(s), header: s.String("token_header"), user: s.String("user"), secret: s.SecretFile("secret_file")}
	raw := s.String("url")
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	how := calendar.Text{JA: `url = "https://erp.example/api/orders" のように書いてください`, EN: `write it like url = "https://erp.example/api/orders"`}
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		// The error may quote a password, so that it is not passed on.
		s.Problem("url", calendar.Text{JA: "url が読めません", EN: "the url cannot be read"}, how)
		return nil
	case u.Scheme != "https" && u.Scheme != "http":
		s.Problem("url", calendar.Text{JA: fmt.Sprintf("%s:// は読めません", clip(u.Scheme)), EN: fmt.Sprintf("%s:// cannot be read", clip(u.Scheme))}, how)
		return nil
	case u.User != nil:
		s.Problem("url", calendar.Text{JA: "url に利用者名やパスワードは書けません", EN: "url cannot have a user or a password"},
			calendar.Text{JA: "user に利用者名を、secret_file のファイルにパスワードを書いてください。ここに書いたパスワードは変えてください", EN: "write user, and the password into the file of secret_file; change the one that stood here"})
		return nil
	case !validHeader(o.header):
		s.Problem("token_header", calendar.Text{JA: fmt.Sprintf("「%s」はヘッダーの名前ではありません", clip(o.header)), EN: fmt.Sprintf("%q is no header", clip(o.header))},
			calendar.Text{JA: `token_header = "X-Api-Key" のように書いてください`, EN: `write it like token_header = "X-Api-Key"`})
		return nil
	}
	o.url = u
	return o
}

func validHeader(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// words is the place without its query, in which some servers want a key.
func (o *web) words() string {
	return (&url.URL{Scheme: o.url.Scheme, Host: o.url.Host, Path: o.url.Path}).String()
}

// inHouse reports whether an address is not one of the internet: on this machine, in the local network, or of no host at
// all. IPv4 inside IPv6 is looked at as what it is.
func inHouse(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a.IsInterfaceLocalMulticast() {
		return true
	}
	for _, p := range [...]string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10"} {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

// forbidden says that a place was not named by the administrator.
func forbidden(origin, host string) *Problem {
	return &Problem{Code: CodeForbidden,
		What: calendar.Text{JA: fmt.Sprintf("%s：社内やこの機械のサーバー（%s）は、管理者が許したものだけ読めます", origin, host), EN: fmt.Sprintf("%s: %s is in the local network or this machine, and the administrator has not named it", origin, host)},
		Next: calendar.Text{JA: fmt.Sprintf("管理者に頼んで、admin.toml の may_read_from に \"%s\" を足してもらってください", host), EN: fmt.Sprintf("ask the administrator to add %q to may_read_from in admin.toml", host)}}
}

// dial connects to a host. What it may not be is decided on the address that is really dialled, after the name was
// resolved: a name that answers with one address when it is checked and with another when it is used gains nothing.
func dial(r *reading) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		named := r.world.MayReach != nil && r.world.MayReach(host)
		d := &net.Dialer{Timeout: 30 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
			if named {
				return nil
			}
			ip, err := netip.ParseAddrPort(address)
			if err != nil || inHouse(ip.Addr().WithZone("")) {
				return forbidden(r.source.Origin(), host)
			}
			return nil
		}}
		return d.DialContext(ctx, network, address)
	}
}

func (o *web) read(ctx context.Context, r *reading) error {
	secret, has, err := r.secret(o.secret)
	if err != nil {
		return err
	}
	if has {
		if err := r.guarded(o.url.Hostname()); err != nil {
			return err
		}
	}
	// Without TLS whoever listens has the token and the table; the administrator's own network is theirs to judge.
	if o.url.Scheme == "http" && (r.world.MayReach == nil || !r.world.MayReach(o.url.Hostname())) {
		return forbidden(r.source.Origin(), o.url.Hostname())
	}
	transport := &http.Transport{
		DialContext: dial(r), Proxy: nil, DisableKeepAlives: true, ResponseHeaderTimeout: r.source.common.timeout(),
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, MaxResponseHeaderBytes: 1 << 20,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		switch {
		case len(via) > maxRedirects:
			return errors.New("too many redirects")
		case req.URL.Scheme != "https" && via[0].URL.Scheme == "https":
			return errors.New("a redirect from https to " + req.URL.Scheme)
		case req.URL.Scheme == "http" && (r.world.MayReach == nil || !r.world.MayReach(req.URL.Hostname())):
			return forbidden(r.source.Origin(), req.URL.Hostname())
		case req.URL.Host != via[0].URL.Host:
			// The token is for the host that jobs.toml names. The client itself drops only the well-known headers.
			req.Header.Del(o.header)
			req.Header.Del("Authorization")
		}
		return nil
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.url.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "bod")
	req.Header.Set("Accept", "text/csv, application/json, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, */*;q=0.5")
	switch {
	case has && o.user != "":
		req.SetBasicAuth(o.user, secret)
	case has && o.header != "":
		req.Header.Set(o.header, secret)
	case has:
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	resp, err := client.Do(req)
	if err != nil {
		return o.failed(ctx, r, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return o.refused(resp)
	}
	if resp.ContentLength > 0 {
		if err := r.sized(o.words(), resp.ContentLength); err != nil {
			return err
		}
	}
	at, size, done, err := temporary(resp.Body, r.maxSize())
	if err != nil {
		return o.failed(ctx, r, err)
	}
	if err := r.sized(o.words(), size); err != nil {
		return errors.Join(err, done())
	}
	// The client gives an error where fewer bytes come than were announced; nothing at all is no table either.
	if size == 0 {
		return errors.Join(&Problem{Code: CodeUnfinished,
			What: calendar.Text{JA: fmt.Sprintf("%s の中身が空です", o.words()), EN: fmt.Sprintf("%s is empty", o.words())},
			Next: calendar.Text{JA: "相手のサーバーを確かめてください", EN: "look at the server"}}, done())
	}
	c := content{ReaderAt: at, size: size, name: o.words()}
	if t, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		c.modified, r.modified = t, t
	}
	return errors.Join(readContent(ctx, r, c, o.typed(resp)), done())
}

// typed takes the format from the reply where neither jobs.toml nor the address says it.
func (o *web) typed(resp *http.Response) shape {
	s := o.shape
	if s.format != "" {
		return s
	}
	if f, ok := formatOf(path.Base(o.url.Path)); ok {
		s.format = f
		return s
	}
	t, params, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case t == "text/csv" || t == "text/plain":
		s.format = "csv"
	case t == "text/tab-separated-values":
		s.format = "tsv"
	case t == "application/x-ndjson" || t == "application/jsonl" || t == "application/json-lines":
		s.format = "jsonl"
	case t == "application/json" || strings.HasSuffix(t, "+json"):
		s.format = "json"
	case strings.Contains(t, "spreadsheetml"):
		s.format = "xlsx"
	}
	if s.encoding == "" {
		switch strings.ToLower(params["charset"]) {
		case "shift_jis", "windows-31j", "x-sjis":
			s.encoding = "shift_jis"
		}
	}
	return s
}

func (o *web) refused(resp *http.Response) error {
	p := &Problem{Code: CodeUnreadable,
		What: calendar.Text{JA: fmt.Sprintf("%s が「%s」と答えました", o.words(), resp.Status), EN: fmt.Sprintf("%s answered %s", o.words(), resp.Status)},
		Next: calendar.Text{JA: "相手のサーバーを確かめてください。あとでもう一度読みます", EN: "look at the server; it is asked again later"}}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		p.Next = calendar.Text{JA: "secret_file（または credential）のトークンが合っているか、期限が切れていないかを確かめてください", EN: "see whether the token of secret_file (or the credential) is right and has not expired"}
	case http.StatusNotFound, http.StatusGone:
		p.Code = CodeMissing
		p.Next = calendar.Text{JA: "url を確かめてください", EN: "see whether url is right"}
	}
	return p
}

func (o *web) failed(ctx context.Context, r *reading, err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if ctx.Err() != nil {
		return r.slow(err)
	}
	// The address in the error may have a key in its query.
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &Problem{Code: CodeUnfinished, Err: err,
			What: calendar.Text{JA: fmt.Sprintf("%s からの受け取りが途中で切れました", o.words()), EN: fmt.Sprintf("%s broke off in the middle", o.words())},
			Next: calendar.Text{JA: "あとでもう一度読みます", EN: "it is asked again later"}}
	}
	return &Problem{Code: CodeMissing, Err: err,
		What: calendar.Text{JA: fmt.Sprintf("%s につながりません", o.words()), EN: fmt.Sprintf("%s cannot be reached", o.words())},
		Next: calendar.Text{JA: "相手のサーバーと、この機械のネットワークを確かめてください", EN: "look at the server and at this machine's network"}}
}

// guarded keeps a secret that the administrator gave from a host that somebody else wrote into jobs.toml.
func (r *reading) guarded(host string) error {
	if !r.world.Guarded || r.world.MayReach != nil && r.world.MayReach(host) {
		return nil
	}
	p := forbidden(r.source.Origin(), host)
	p.What = calendar.Text{JA: fmt.Sprintf("%s：パスワードやトークンは、管理者が許したサーバーにだけ渡せます（%s）", r.source.Origin(), host), EN: fmt.Sprintf("%s: a password or token is given only to hosts that the administrator has named, and %s is none", r.source.Origin(), host)}
	return p
}

// secret reads the secret of the source. A key that names a file needs it; the credential is there or not.
func (r *reading) secret(file string) (string, bool, error) {
	if r.world.Secret == nil {
		return "", false, nil
	}
	s, has, err := r.world.Secret(r.source.name, file)
	if err != nil {
		return "", false, &Problem{Code: CodeUnreadable, Err: err,
			What: calendar.Text{JA: fmt.Sprintf("%s のパスワードかトークンを読めません", r.source.Origin()), EN: fmt.Sprintf("the password or token of %s cannot be read", r.source.Origin())},
			Next: calendar.Text{JA: "secret_file か credential「source-" + r.source.name + "」を確かめてください", EN: "look at secret_file or the credential source-" + r.source.name}}
	}
	return s, has, nil
}
