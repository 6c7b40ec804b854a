package ledger

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// earlierLedgers are ledgers that released versions wrote, by the number of their schema: with a letter that is to be
// confirmed, one that a person holds, one that went out, a run that waits, notices, decisions and a job that is stopped.
func earlierLedgers(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/earlier/*.db.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no earlier ledgers: %v", err)
	}
	out := make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		db, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".db.gz")] = db
	}
	return out
}

// private is a folder that nobody else can look into, as a ledger's has to be.
func private(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEarlierLedgersAreAll: each schema but the newest has a ledger that a program of that time wrote. Who changes the schema keeps one of the
// schema before.
func TestEarlierLedgersAreAll(t *testing.T) {
	all, err := migrations()
	if err != nil || len(all) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	earlier := earlierLedgers(t)
	for _, m := range all[:len(all)-1] {
		number, _, _ := strings.Cut(m.name, "_")
		if earlier[number] == nil {
			t.Errorf("no ledger of the schema %s lies in testdata/earlier", number)
		}
	}
}

// TestEarlierLedgers opens what earlier versions wrote: it is brought up, nothing in it is lost or moved, it still
// verifies, and work goes on.
func TestEarlierLedgers(t *testing.T) {
	for name, db := range earlierLedgers(t) {
		t.Run(name, func(t *testing.T) {
			dir := private(t)
			if err := os.WriteFile(filepath.Join(dir, "ledger.db"), db, 0o600); err != nil {
				t.Fatal(err)
			}
			now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) // after all of them
			l, err := Open(t.Context(), dir, Options{Now: func() time.Time { return now }, Trial: true})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			r, err := l.Verify(t.Context(), nil)
			if err != nil || len(r.Problems) > 0 {
				t.Fatal(r, err)
			}
			want := map[State]int{StateHeld: 3, StateWritten: 5}
			got := map[State]int{}
			err = l.View(t.Context(), func(v *View) error {
				for m, err := range v.Messages(MessageQuery{}) {
					if err != nil {
						return err
					}
					body, err := v.Body(m.ID)
					if err != nil {
						return err
					}
					if len(body) == 0 || !bytes.Contains(body, []byte("Message-ID:")) {
						t.Errorf("message %s has no body", m.Key)
					}
					for _, d := range m.Deliveries {
						got[d.State]++
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) || got[StateHeld] != want[StateHeld] || got[StateWritten] != want[StateWritten] {
				t.Errorf("deliveries %v, want %v", got, want)
			}
			if err := l.Update(t.Context(), now, sato, func(tx *Tx) error {
				return tx.SetFlag(Flag{Name: "stopped", Text: "社内の都合"})
			}); err != nil {
				t.Fatal(err)
			}
			if r, err := l.Verify(t.Context(), nil); err != nil || len(r.Problems) > 0 {
				t.Fatal(r, err)
			}
		})
	}
}

// FuzzOpen opens a ledger of which some bytes are others: it says what is wrong or it opens and verify tells; it neither
// panics nor hangs, and the file that was damaged lies there still.
func FuzzOpen(f *testing.F) {
	earlier := earlierLedgers(f)
	names := slices.Sorted(maps.Keys(earlier))
	for i, at := range []uint32{0, 17, 19, 27, 44, 95, 100, 4096, 4100, 8192, 40000, 90000} {
		f.Add(uint8(i), at, []byte{0xFF, 0x00, 0x7F, 0x80})
		f.Add(uint8(i), at, []byte(strings.Repeat("\x00", 600)))
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint32, with []byte) {
		db := bytes.Clone(earlier[names[int(which)%len(names)]])
		copy(db[int(at)%len(db):], with)
		dir := private(t)
		file := filepath.Join(dir, "ledger.db")
		if err := os.WriteFile(file, db, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(t.Context(), dir, Options{Trial: true})
		if err != nil {
			if info, err := os.Stat(file); err != nil || info.Size() == 0 {
				t.Fatal("the damaged ledger is gone")
			}
			return
		}
		defer l.Close()
		if _, err := l.Verify(t.Context(), nil); err != nil {
			return
		}
	})
}
