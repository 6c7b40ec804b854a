package document

import (
	"bytes"
	"compress/zlib"
	"testing"
)

// bomb is a gigabyte of nothing, packed twice.
func bomb(t *testing.T) []byte {
	t.Helper()
	pack := func(write func(w *zlib.Writer) error) []byte {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		if err := write(w); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	block := bytes.Repeat([]byte(" "), 1<<20)
	once := pack(func(w *zlib.Writer) error {
		for range 1 << 10 {
			if _, err := w.Write(block); err != nil {
				return err
			}
		}
		return nil
	})
	return pack(func(w *zlib.Writer) error { _, err := w.Write(once); return err })
}
