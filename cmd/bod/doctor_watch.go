package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// watched sees that the monitor of [heartbeat] can be reached and that the metrics are served, and names the programs that
// bod calls; that they can be called is held by the configuration. The monitor is told nothing: only bod itself may say that
// all is well, and so the line to it is opened and closed again.
func (d *doctor) watched(ctx context.Context) {
	if d.unread() {
		return
	}
	d.heartbeat(ctx)
	d.metrics(ctx)
	if at := d.c.AlarmProgram; at != "" {
		d.ok("メールで届かない知らせは %s が届けます", "%s tells what mail can't", at)
	} else {
		d.ok("メールで届かない知らせを届けるプログラム（[programs] の alarm）はありません", "no program tells what mail can't (alarm of [programs])")
	}
	if at := d.c.ProofProgram; at != "" {
		d.ok("届いたか不明のときは %s に聞きます", "%s is asked what became of a message whose answer was lost", at)
	}
}

func (d *doctor) heartbeat(ctx context.Context) {
	h := d.c.Heartbeat
	if h == nil {
		d.ok("ハートビート（[heartbeat]）は使っていません", "no monitor is told that all is well ([heartbeat])")
		return
	}
	if j := d.c.Job("summary"); j == nil || j.Disabled {
		d.add(stateNote, d.in("まとめ（[summary]）がないので、ハートビートは bod が動いていることだけを知らせます", "without [summary] the heartbeat only says that bod works"),
			d.in("[summary] を書くと、まとめが出なかったときも途絶えます", "with [summary] it stops as well when a summary did not leave"))
	}
	if info, err := os.Stat(d.c.AdminPath); err == nil && h.URL != "" && info.Mode().Perm()&0o004 != 0 {
		d.add(stateNote, d.with("ハートビートのアドレスのある %s を、だれでも読めます（%04o）", "everybody can read %s, which has the heartbeat's address (%04o)", d.c.AdminPath, info.Mode().Perm()),
			d.in("アドレスを systemd の credential「heartbeat-url」か url_file に移してください", "move the address into systemd's credential heartbeat-url or a url_file"))
	}
	u, err := h.Address()
	if err != nil {
		if h.URL == "" && h.URLFile == "" && os.Getenv("CREDENTIALS_DIRECTORY") == "" {
			d.skip("ハートビートのアドレスは systemd がサービスに渡すので、ここでは調べられません（LoadCredential=heartbeat-url:…）", "the heartbeat's address is given to the service by systemd (LoadCredential=heartbeat-url:...), so that it can't be looked at here")
			return
		}
		d.add(stateWrong, d.with("ハートビートのアドレスを読めません：%v", "couldn't read the heartbeat's address: %v", err), d.in("ファイルの場所と中身を確かめてください", "see whether the file is there and has nothing but the address"))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	host, err := reach(ctx, u)
	if err != nil {
		d.add(stateWrong, d.with("ハートビートの監視サービス %s につながりません：%v", "couldn't reach the heartbeat's monitor %s: %v", host, err), d.in("名前、ファイアウォール、プロキシ（HTTPS_PROXY）を確かめてください", "see whether the name is right and whether a firewall or a proxy (HTTPS_PROXY) stands between"))
		return
	}
	d.ok("ハートビートの監視サービス %s につながります（何も知らせていません）", "the heartbeat's monitor %s can be reached (it was told nothing)", host)
}

// reach opens a line to the host of an address, or to the proxy before it, and secures it where that is the host's own.
func reach(ctx context.Context, u *url.URL) (host string, err error) {
	at, secure := u, u.Scheme == "https"
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u}); err == nil && proxy != nil {
		at, secure = proxy, proxy.Scheme == "https"
	}
	port := at.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[at.Scheme == "https"]
	}
	addr := net.JoinHostPort(at.Hostname(), port)
	var c net.Conn
	if secure {
		c, err = (&tls.Dialer{}).DialContext(ctx, "tcp", addr)
	} else {
		c, err = (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}
	if err != nil {
		return at.Host, err
	}
	return at.Host, c.Close()
}

func (d *doctor) metrics(ctx context.Context) {
	at := d.c.Metrics
	if at == "" {
		d.ok("測定値（[metrics]）は出していません", "no metrics are served ([metrics])")
		return
	}
	network, addr := "tcp", at
	if path, is := strings.CutPrefix(at, "unix:"); is {
		network, addr = "unix", path
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://bod/metrics", nil)
	if err != nil {
		return // the address above is ours
	}
	answer, err := client.Do(req)
	switch {
	case errors.Is(err, os.ErrPermission):
		d.skip("測定値の %s を読む権限がありません", "whether metrics are served at %s can't be seen as this user", at)
		return
	case err != nil:
		if e, is := errors.AsType[*url.Error](err); is {
			err = e.Err
		}
		d.add(stateNote, d.with("測定値は %s に出ていません：%v", "no metrics are served at %s: %v", at, err), d.in("bod が動いているか確かめてください。動いていれば journalctl -u bod に理由があります", "see whether bod is running; if it is, journalctl -u bod says why"))
		return
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		d.add(stateNote, d.with("%s で答えているのは bod の測定値ではありません（%d）", "what answers at %s are not bod's metrics (%d)", at, answer.StatusCode), d.in("ほかのプログラムが同じポートを使っていないか確かめてください", "see whether another program uses the same port"))
		return
	}
	d.ok("測定値は %s に出ています", "metrics are served at %s", at)
}
