package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// A command asks beside the holder and hears the answer; under a fake clock, so that
// nothing of it hangs on real time.
func TestIntents(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(t.Context(), dir, Options{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		r, err := OpenReader(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		changes := func() int64 {
			n, err := l.Changes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := changes()
		id, err := r.AddIntent(t.Context(), Intent{Verb: "hold", Args: []byte(`{"message":"2611-0001"}`), Why: "確認したい", Who: sato})
		if err != nil {
			t.Fatal(err)
		}
		if changes() == before {
			t.Error("the holder can't hear of it")
		}
		before = changes()
		answered := make(chan Intent)
		go func() {
			in, err := r.Await(context.Background(), id)
			if err != nil {
				t.Error(err)
			}
			answered <- in
		}()
		time.Sleep(10 * time.Second) // it waits that long without an answer
		select {
		case in := <-answered:
			t.Fatalf("answered by nobody: %+v", in)
		default:
		}
		err = l.Update(t.Context(), time.Now(), bod, func(tx *Tx) error {
			ins, err := tx.Intents()
			if err != nil || len(ins) != 1 || ins[0].Who != sato || ins[0].Verb != "hold" || string(ins[0].Args) != `{"message":"2611-0001"}` {
				t.Errorf("%+v, %v", ins, err)
			}
			return tx.FinishIntent(ins[0].ID, false, "見つかりません")
		})
		if err != nil {
			t.Fatal(err)
		}
		if in := <-answered; in.OK || in.Result != "見つかりません" || in.Done.IsZero() {
			t.Errorf("%+v", in)
		}
		if changes() != before {
			t.Error("the holder hears of its own writing")
		}
		if err := l.Update(t.Context(), time.Now(), bod, func(tx *Tx) error { return tx.FinishIntent(id, true, "") }); !errors.Is(err, ErrStale) {
			t.Error(err)
		}

		// Nobody answers the second one.
		id, err = l.AddIntent(t.Context(), Intent{Verb: "release", Who: sato})
		if err != nil {
			t.Fatal(err)
		}
		if changes() == before {
			t.Error("the holder can't hear of what its own process asks")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if _, err := r.Await(ctx, id); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Error(err, time.Since(began))
		}
		if _, err := r.Await(t.Context(), 99); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		for name, in := range map[string]Intent{
			"no verb": {Args: []byte("{}")}, "no JSON": {Verb: "hold", Args: []byte("{")}, "too long": {Verb: "hold", Args: make([]byte, maxArgs+1)},
		} {
			if _, err := r.AddIntent(t.Context(), in); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
		rep, err := r.Verify(t.Context(), nil)
		if err != nil || len(rep.Problems) > 0 {
			t.Error(rep, err)
		}
	})
}

// The rights of a reader are told precisely. Root may read everything, so it is
// tried as someone else where we are root.
func TestRightsOfAReader(t *testing.T) {
	o := open(t)
	if os.Geteuid() != 0 {
		if err := os.Chmod(o.dir, 0); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(o.dir, 0o700)
	} else if err := os.Chown(o.file, 65534, 65534); err != nil {
		t.Skip("couldn't give the file to another user: ", err)
	}
	if _, err := OpenReader(t.Context(), o.dir); !errors.Is(err, ErrRights) {
		t.Error(err)
	}
}
