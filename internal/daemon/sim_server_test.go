package daemon

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"bod/internal/mailer"
)

// simAccepted is one message that the server took for its recipients: after the dot, whatever the client heard of it.
type simAccepted struct {
	key, id string // X-Bod-Key and Message-ID
	from    string
	to      []string
	rules   *simModel // at work when it was claimed
	hash    string
	at      time.Time
	said    bool // the answer left, and was a good one
}

// simServer is a mail server that goes wrong at every point of the dialogue. What it does on a connection follows from the seed and the
// connection's number alone. It keeps its own books of what it accepted.
type simServer struct {
	s *sim

	mu       sync.Mutex
	mood     string
	dials    uint64
	conns    []*simConn
	accepted []simAccepted
	faults   map[string]int
}

// simConn is the client's end; gone tells the server that it was closed, also while the server reads nothing.
type simConn struct {
	net.Conn
	once sync.Once
	gone chan struct{}
}

func (c *simConn) Close() error {
	c.once.Do(func() { close(c.gone) })
	return c.Conn.Close()
}

func (v *simServer) carrier() (mailer.Carrier, error) {
	return mailer.NewServer(mailer.ServerOptions{URL: "smtp+insecure://127.0.0.1:25", Hello: "bod.example", User: "keiri",
		Password: func() (string, error) { return "secret", nil },
		Dial:     func(_ context.Context, _, _ string) (net.Conn, error) { return v.dial() }})
}

func (v *simServer) dial() (net.Conn, error) {
	v.s.point("dial")
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dials++
	if v.mood == "down" || v.s.isDead() {
		v.faults["refused connection"]++
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	c := &simConn{Conn: ours, gone: make(chan struct{})}
	v.conns = append(v.conns, c)
	d := &simDialogue{v: v, c: theirs, in: bufio.NewReader(theirs), gone: c.gone, mood: v.mood, r: rand.New(rand.NewPCG(v.s.seed, 1<<40+v.dials))}
	v.s.wg.Go(d.serve)
	return c, nil
}

// cutAll ends every connection: the process at the other end is no more.
func (v *simServer) cutAll() {
	v.mu.Lock()
	conns := v.conns
	v.conns = nil
	v.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

type simDialogue struct {
	v    *simServer
	c    net.Conn
	in   *bufio.Reader
	gone chan struct{}
	mood string
	at   *simModel
	r    *rand.Rand
}

// errHungUp ends a dialogue.
var errHungUp = errors.New("hung up")

// fault draws what goes wrong at a stage; "" mostly.
func (d *simDialogue) fault(stage string, all ...string) string {
	odds := map[string]int{"fine": 0, "flaky": 4, "awful": 20}[d.mood]
	if d.r.IntN(100) >= odds {
		return ""
	}
	f := all[d.r.IntN(len(all))]
	d.v.count(stage + " " + f)
	return f
}

func (v *simServer) count(what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults[what]++
}

func (d *simDialogue) say(format string, args ...any) error {
	if _, err := fmt.Fprintf(d.c, format+"\r\n", args...); err != nil {
		return errHungUp
	}
	return nil
}

// stall says and reads nothing any more until the client gives up.
func (d *simDialogue) stall() error {
	<-d.gone
	return errHungUp
}

// wrong does what a fault is called; good is what is said where nothing is wrong.
func (d *simDialogue) wrong(fault, good string) error {
	switch fault {
	case "":
		return d.say("%s", good)
	case "cut":
		return errHungUp
	case "stall":
		return d.stall()
	case "slow":
		time.Sleep(100 * time.Second)
		return d.say("%s", good)
	case "garbage":
		return d.say("\x01\x02 what is this?")
	case "half a line":
		_, _ = io.WriteString(d.c, good[:2])
		return errHungUp
	}
	return d.say("%s %s", fault, "no")
}

func (d *simDialogue) serve() {
	defer d.c.Close()
	_ = d.talk()
}

func (d *simDialogue) talk() error {
	if d.v.s.point("banner") {
		return errHungUp
	}
	banner := d.fault("banner", "cut", "stall", "421", "554", "garbage", "half a line")
	if d.mood == "bad banner" {
		d.v.count("banner 554")
		banner = "554"
	}
	if err := d.wrong(banner, "220 sink.example"); err != nil || banner != "" {
		return err
	}
	from, to := "", []string(nil)
	for {
		line, err := d.in.ReadString('\n')
		if err != nil {
			return errHungUp
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		if d.v.s.point(verb) {
			return errHungUp
		}
		switch verb {
		case "EHLO":
			f := d.fault("EHLO", "cut", "stall", "451", "421", "garbage")
			if f == "" {
				err = d.say("250-sink.example\r\n250-AUTH PLAIN\r\n250-SIZE 10000000\r\n250 8BITMIME")
			} else {
				err = d.wrong(f, "250 ok")
			}
		case "HELO":
			err = d.wrong(d.fault("HELO", "cut", "451"), "250 sink.example")
		case "AUTH":
			f := d.fault("AUTH", "cut", "stall", "454", "535", "garbage")
			if d.mood == "bad login" {
				d.v.count("AUTH 535")
				f = "535"
			}
			err = d.wrong(f, "235 welcome")
		case "MAIL":
			from, to, d.at = address(rest), nil, d.v.s.at // what is claimed by now was claimed under these rules
			d.v.s.onTheWay()
			f := d.fault("MAIL", "cut", "stall", "451", "550", "421", "530", "garbage", "slow", "half a line")
			if d.mood == "greylisting" {
				d.v.count("MAIL 450")
				f = "450"
			}
			err = d.wrong(f, "250 ok")
		case "RCPT":
			f := d.fault("RCPT", "cut", "450", "450", "550", "550", "452", "421", "552", "garbage", "stall")
			if f == "" {
				to = append(to, address(rest))
			}
			err = d.wrong(f, "250 ok")
		case "DATA":
			f := d.fault("DATA", "cut", "451", "554", "421", "garbage", "stall")
			if err = d.wrong(f, "354 go on"); err == nil && f == "" {
				err = d.data(from, to)
			}
		case "RSET":
			err = d.wrong(d.fault("RSET", "cut", "garbage"), "250 ok")
		case "NOOP":
			err = d.say("250 ok")
		case "QUIT":
			_ = d.wrong(d.fault("QUIT", "cut", "stall"), "221 bye")
			return errHungUp
		default:
			err = d.say("500 what?")
		}
		if err != nil {
			return err
		}
	}
}

func address(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

// data takes the body, and then does one of the things that servers do at the dot.
func (d *simDialogue) data(from string, to []string) error {
	switch d.fault("body", "cut", "stall", "answered early") {
	case "cut":
		_, _ = d.in.ReadByte()
		return errHungUp
	case "stall":
		return d.stall()
	case "answered early":
		_ = d.say("452 full") // and it reads nothing any more
		return errHungUp
	}
	// What is read is buffered, and the client is ahead of the reader from here to the dot: no more points before it.
	if d.v.s.point("body") {
		return errHungUp
	}
	var body bytes.Buffer
	for {
		line, err := d.in.ReadString('\n')
		if err != nil {
			return errHungUp // cut before the dot: nothing was taken
		}
		if line == ".\r\n" {
			break
		}
		body.WriteString(strings.TrimPrefix(line, "."))
	}
	if d.v.s.point("dot") {
		return errHungUp
	}
	f := d.fault("dot", "451", "554", "421", "cut, not taken", "stall, not taken", "garbage, not taken",
		"cut, taken", "stall, taken", "garbage, taken", "half a line, taken", "slow, taken")
	taken := f == "" || strings.HasSuffix(f, ", taken")
	at := -1
	if taken {
		at = d.v.take(from, to, d.at, body.Bytes())
	}
	if d.v.s.point("taken") {
		return errHungUp
	}
	switch kind, _, _ := strings.Cut(f, ","); kind {
	case "cut":
		return errHungUp
	case "stall":
		return d.stall()
	case "garbage":
		return d.say("\x01\x02 what is this?")
	case "half a line":
		_, _ = io.WriteString(d.c, "25")
		return errHungUp
	case "451", "554", "421":
		return d.say("%s no", kind)
	case "slow":
		time.Sleep(9 * time.Minute)
	}
	err := d.say("250 taken")
	if err == nil {
		d.v.mu.Lock()
		d.v.accepted[at].said = true
		d.v.mu.Unlock()
	}
	return err
}

// take writes what was accepted into the server's own book.
func (v *simServer) take(from string, to []string, rules *simModel, body []byte) int {
	a := arrivalOf(body)
	sum := sha256.Sum256(body)
	key, err := url.PathUnescape(a.key)
	if err != nil {
		key = "unreadable " + a.key
	}
	x := simAccepted{key: key, from: from, to: to, rules: rules, hash: hex.EncodeToString(sum[:]), at: v.s.now()}
	for line := range bytes.SplitSeq(body, []byte("\r\n")) {
		if id, ok := bytes.CutPrefix(line, []byte("Message-ID: ")); ok {
			x.id = strings.Trim(string(id), "<>")
			break
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.accepted = append(v.accepted, x)
	return len(v.accepted) - 1
}
