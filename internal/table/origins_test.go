package table

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const jsonRows = `[{"番号": "A-1", "金額": 1200.50, "済": true, "顧客": {"名前": "アクメ", "都道府県": null}, "タグ": ["a", 1]},
 {"番号": "A-2", "金額": 12345678901234567890, "顧客": {"名前": "ひばり"}, "日": "2026-11-25T10:30:00Z"}]`

const jsonShown = `番号:text|金額:number|済:yes/no|顧客.名前:text|顧客.都道府県:empty|タグ:text|日:time
1 A-1|1,200.50|はい|アクメ||["a",1]|
2 A-2|12,345,678,901,234,567,890||ひばり|||2026年11月25日 19:30`

func TestJSON(t *testing.T) {
	o := newOffice(t)
	lines := strings.ReplaceAll(strings.Trim(jsonRows, "[]"), "},\n {", "}\n{")
	o.write("a.json", jsonRows)
	o.write("b.json", `{"ok": true, "data": {"items": `+jsonRows+`, "next": null}}`)
	o.write("c.jsonl", lines+"\n\n")
	for _, keys := range []said{{"file": "a.json"}, {"file": "b.json", "array": "data.items"}, {"file": "c.jsonl"}} {
		if got := shown(t, o.read(keys)); got != jsonShown {
			t.Errorf("%v: got\n%s", keys, got)
		}
	}
	for text, code := range map[string]Code{
		jsonRows[:40]: CodeUnfinished, strings.TrimSuffix(jsonRows, "]"): CodeUnfinished, `{"a": []}`: CodeColumns, `[1]`: CodeUnreadable, `[{"a":1}] x`: CodeUnreadable, `{`: CodeColumns,
	} {
		o.write("x.json", text)
		if p := o.refused(said{"file": "x.json"}); p.Code != code {
			t.Errorf("%s: %+v", text, p)
		}
	}
	if tb := o.read(said{"file": "c.jsonl"}); tb.Len() != 2 {
		t.Error(tb.Len())
	}
	o.write("x.jsonl", lines[:len(lines)-4])
	if p := o.refused(said{"file": "x.jsonl"}); p.Code != CodeUnfinished {
		t.Errorf("%+v", p)
	}
}

func TestFolder(t *testing.T) {
	o := newOffice(t)
	o.write("請求書/0012_2611-0042.pdf", "12345")
	o.write("請求書/0345_2611-0043.PDF", "")
	o.write("請求書/メモ.txt", "x")
	tb := o.read(said{"folder": "請求書", "parts": "{得意先コード}_{請求番号}.pdf"})
	var got []string
	for row, err := range tb.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		size, _ := row.Get("サイズ")
		code, _ := row.Get("得意先コード")
		number, _ := row.Get("請求番号")
		got = append(got, fmt.Sprintf("%s %s %s %d", size.Canonical(), code.Text(), number.Text(), len(row.Problems())))
	}
	if want := "5 0012 2611-0042 0\n0 0345 2611-0043 0\n1   1"; strings.Join(got, "\n") != want {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	// An empty folder is one without work, one that is not there a mistake.
	if tb := o.read(said{"folder": "請求書/*.xlsx"}); tb.Len() != 0 {
		t.Error(tb.Len())
	}
	for _, keys := range []said{{"folder": "請求署"}, {"files": "請求署/*/*.xlsx", "cells": map[string]string{"a": "A1"}}} {
		if p := o.refused(keys); p.Code != CodeMissing || !strings.Contains(p.What.JA, "フォルダー 請求署") {
			t.Errorf("%+v", p)
		}
	}
	for _, parts := range []string{"{a}{b}.pdf", "{a", "a}", "{}", "{a}_{A}", "abc"} {
		s := &toldSettings{said: said{"folder": "x", "parts": parts}}
		if Decode("x", s, nil) != nil || len(s.told) == 0 {
			t.Errorf("parts %q is taken", parts)
		}
	}
}

func TestFiles(t *testing.T) {
	o := newOffice(t)
	if p := o.refused(said{"file": "nowhere.csv"}); p.Code != CodeMissing {
		t.Errorf("%+v", p)
	}
	o.write("a.csv", orderList)
	if p := o.refused(said{"file": "a.csv", "max_rows": 2}); p.Code != CodeTooBig {
		t.Errorf("%+v", p)
	}
	if p := o.refused(said{"file": "a.csv", "max_size": 10}); p.Code != CodeTooBig {
		t.Errorf("%+v", p)
	}
	// What was written a moment ago may not be whole; in a rehearsal the clock says nothing about it.
	now := o.world.Now
	o.world.Now = time.Now()
	if p := o.refused(said{"file": "a.csv"}); p.Code != CodeUnfinished {
		t.Errorf("%+v", p)
	}
	o.world.Played = true
	o.read(said{"file": "a.csv"})
	o.world.Played, o.world.Now = false, now
	// A file that grows while it is read is not whole either.
	r := newReading(o.source(said{"file": "a.csv"}), o.world)
	err := r.withFile("a.csv", func(content) error {
		f, err := os.OpenFile(filepath.Join(o.dir, "a.csv"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("x")
		return errors.Join(err, f.Close())
	})
	if p, ok := err.(*Problem); !ok || p.Code != CodeUnfinished {
		t.Error(err)
	}
	// Older than agreed.
	o.write("a.csv", orderList)
	if err := os.Chtimes(filepath.Join(o.dir, "a.csv"), now, now.AddDate(0, 0, -10)); err != nil {
		t.Fatal(err)
	}
	ps := o.read(said{"file": "a.csv", "fresh_within": "3 business days", "encoding": "utf-8"}).Problems()
	if i := slices.IndexFunc(ps, func(p Problem) bool { return p.Code == CodeOld }); i < 0 || !Broken(ps) {
		t.Error(words(ps))
	}
	if ps := o.read(said{"file": "a.csv", "fresh_within": "30 days", "encoding": "utf-8"}).Problems(); Broken(ps) {
		t.Error(words(ps))
	}
	// Days are the office's, wherever the machine stands: what was saved at eight on a Friday in Tokyo is good until Monday at eight.
	friday := time.Date(2026, 11, 27, 8, 0, 0, 0, tokyo)
	if err := os.Chtimes(filepath.Join(o.dir, "a.csv"), friday, friday); err != nil {
		t.Fatal(err)
	}
	for after, old := range map[time.Duration]bool{71 * time.Hour: false, 73 * time.Hour: true} {
		o.world.Now = friday.Add(after)
		if ps := o.read(said{"file": "a.csv", "fresh_within": "1 business day", "encoding": "utf-8"}).Problems(); Broken(ps) != old {
			t.Error(after, words(ps))
		}
	}
}

func TestCompare(t *testing.T) {
	o := newOffice(t)
	long := "番号,金額\n" + strings.Repeat("a,1\n", 20)
	o.write("a.csv", long)
	src := said{"file": "a.csv"}
	before := o.read(src).Observe()
	for name, c := range map[string]struct {
		text string
		code Code
		warn bool
	}{
		"the same":          {long, "", false},
		"a column more":     {"番号,金額,備考\n" + strings.Repeat("a,1,x\n", 20), CodeColumns, true},
		"a column moved":    {"金額,番号\n" + strings.Repeat("1,a\n", 20), "", false},
		"a column gone":     {"番号,価格\n" + strings.Repeat("a,1\n", 20), CodeColumns, false},
		"another type":      {"番号,金額\n" + strings.Repeat("a,多い\n", 20), CodeColumns, false},
		"half its rows":     {"番号,金額\n" + strings.Repeat("a,1\n", 10), CodeRows, false},
		"a few rows less":   {"番号,金額\n" + strings.Repeat("a,1\n", 11), "", false},
		"nothing left":      {"番号,金額\n", CodeRows, false},
		"a width of letter": {"番 号,金額\n" + strings.Repeat("a,1\n", 20), "", false},
	} {
		o.write("a.csv", c.text)
		ps := o.read(src).Compare(before)
		if c.code == "" && len(ps) > 0 || c.code != "" && (len(ps) == 0 || ps[0].Code != c.code || ps[0].Warning != c.warn) {
			t.Errorf("%s: %s", name, words(ps))
		}
	}
	// After an edit of [source.x] somebody meant the change; and may_shrink says so for good.
	o.write("a.csv", "番号,金額\na,1\n")
	if ps := o.read(said{"file": "a.csv", "title": "新しい"}).Compare(before); len(ps) > 0 {
		t.Error(words(ps))
	}
	shrinks := said{"file": "a.csv", "may_shrink": true}
	o.write("a.csv", long)
	before = o.read(shrinks).Observe()
	o.write("a.csv", "番号,金額\na,1\n")
	if ps := o.read(shrinks).Compare(before); len(ps) > 0 {
		t.Error(words(ps))
	}
}

// server is a host of this machine that the administrator has named, or not.
func (o *office) server(h http.HandlerFunc, named bool) *url.URL {
	o.t.Helper()
	s := httptest.NewServer(h)
	o.t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		o.t.Fatal(err)
	}
	if named {
		o.reach = append(o.reach, u.Hostname())
	}
	return u
}

func TestHTTP(t *testing.T) {
	o := newOffice(t)
	o.write("token", "geheim\n")
	asked := ""
	u := o.server(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Authorization") + r.Header.Get("X-Api-Key")
		switch r.URL.Path {
		case "/orders":
			w.Header().Set("Content-Type", "text/csv; charset=Shift_JIS")
			w.Header().Set("Last-Modified", "Tue, 24 Nov 2026 00:00:00 GMT")
			fmt.Fprint(w, cp932(o.t, orderList))
		case "/rows.json":
			fmt.Fprint(w, jsonRows)
		case "/cut":
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "番号,金額\n1,2\n")
		case "/big.csv":
			for range 100 {
				fmt.Fprint(w, strings.Repeat("1,2\n", 1000))
			}
		case "/empty.csv":
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/away":
			http.Redirect(w, r, "http://localhost:1/x.csv", http.StatusFound)
		default:
			http.Error(w, "no", http.StatusUnauthorized)
		}
	}, true)
	at := func(path string) string { return u.JoinPath(path).String() }
	tb := o.read(said{"url": at("/orders"), "secret_file": "token"})
	if asked != "Bearer geheim" {
		t.Errorf("asked with %q", asked)
	}
	if got := shown(t, tb); got != ordersShown {
		t.Errorf("got\n%s", got)
	}
	if tb.Modified().IsZero() {
		t.Error("not told when it was changed")
	}
	o.read(said{"url": at("/rows.json"), "secret_file": "token", "token_header": "X-Api-Key"})
	if asked != "geheim" {
		t.Errorf("asked with %q", asked)
	}
	for path, code := range map[string]Code{"/cut": CodeUnfinished, "/empty.csv": CodeUnfinished, "/other": CodeUnreadable, "/loop": CodeMissing, "/away": CodeForbidden} {
		if p := o.refused(said{"url": at(path) + "?key=geheim", "format": "csv"}); p.Code != code || strings.Contains(p.What.JA+p.What.EN, "geheim") {
			t.Errorf("%s: %+v", path, p)
		}
	}
	if p := o.refused(said{"url": at("/big.csv"), "max_size": 100_000}); p.Code != CodeTooBig {
		t.Errorf("%+v", p)
	}
	ps := o.read(said{"url": at("/rows.json"), "fresh_within": "3 days"}).Problems()
	if !Broken(ps) || ps[0].Code != CodeOld {
		t.Error(words(ps))
	}
	// A secret of the administrator's goes to hosts that the administrator has named, and to no other.
	o.world.Guarded, o.reach = true, nil
	asked = ""
	if p := o.refused(said{"url": "https://erp.example/x.csv", "secret_file": "token"}); p.Code != CodeForbidden || asked != "" {
		t.Errorf("%+v, asked with %q", p, asked)
	}
}

// Nobody gets into the local network by an address, a name, a redirect or a name that changes its mind.
func TestNoWayIntoTheLocalNetwork(t *testing.T) {
	o := newOffice(t)
	hits := 0
	u := o.server(func(w http.ResponseWriter, _ *http.Request) { hits++; fmt.Fprint(w, "a,b\n1,2\n") }, false)
	_, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1"} {
		for _, scheme := range []string{"http", "https"} {
			s := &toldSettings{said: said{"url": scheme + "://" + host + ":" + port + "/x.csv"}}
			src := Decode("x", s, nil)
			if src == nil {
				continue
			}
			tb, ps := src.Read(t.Context(), o.world)
			if tb != nil || len(ps) == 0 || ps[len(ps)-1].Code != CodeForbidden && ps[len(ps)-1].Code != CodeMissing {
				t.Errorf("%s: %s", host, words(ps))
			}
		}
	}
	if hits > 0 {
		t.Errorf("the server of this machine was asked %d times", hits)
	}
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "10.1.2.3": true, "172.16.0.1": true, "192.168.1.1": true, "169.254.169.254": true, "100.64.0.1": true, "0.0.0.0": true, "::": true,
		"::1": true, "fe80::1": true, "fc00::1": true, "fd12::1": true, "::ffff:10.0.0.1": true, "64:ff9b::a00:1": true, "224.0.0.1": true, "255.255.255.255": true, "2002:7f00:1::": true,
		"203.0.113.9": true, "8.8.8.8": false, "2606:4700::1111": false, "172.32.0.1": false,
	} {
		if got := inHouse(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is in the house: %v", addr, got)
		}
	}
}

func TestQueries(t *testing.T) {
	for q, want := range map[string]bool{
		"select 1": true, "SELECT * from orders;": true, "with a as (select 1) select * from a": true, "select 'a;b', \"into\" from t -- into x\n": true, "select /* x */ 1": true,
		"select 1; select 2": false, "delete from t": false, "select * into x from t": false, "select 1 into outfile '/tmp/x'": false, "select /*!50000 1 into outfile '/x' */": false,
		"attach database '/x' as y": false, "select 'a": false, "select load_file('/etc/passwd')": false, "select 'it\\'s' into x from y --'": false, "select $$x$$": false,
		"": false, ";": false, "pragma table_info(x)": false, "with x as (delete from t returning *) select * from x": false,
	} {
		s := &toldSettings{said: said{"query": q}}
		if got := goodQuery(s, q); got != want {
			t.Errorf("%q: %v %s", q, got, s.told)
		}
	}
}
