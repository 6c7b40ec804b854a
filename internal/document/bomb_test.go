package document

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"testing"
)

// bomb is a gigabyte of nothing, packed twice.
func bomb(t *testing.T) []byte {
	t.Helper()
	r, err := zlib.NewReader(bytes.NewReader(spaces(t, 3)))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || len(b) != 3<<20 || bytes.Trim(b, " ") != nil { // its length and its checksum are right
		t.Fatal(len(b), err)
	}
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(spaces(t, 1<<10)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// spaces is a stream of so many MiB of spaces. All blocks but the first are the same, and so only two are packed: to pack a
// gigabyte takes minutes where the race detector watches.
func spaces(t *testing.T, mib int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	block := bytes.Repeat([]byte(" "), 1<<20)
	var ends []int
	for range 2 {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, b.Len())
	}
	out := bytes.Clone(b.Bytes()[:ends[0]])
	out = append(out, bytes.Repeat(b.Bytes()[ends[0]:ends[1]], mib-1)...)
	out = append(out, 1, 0, 0, 0xff, 0xff) // the last block, empty (RFC 1951, 3.2.4)
	// Adler-32 (RFC 1950, 9) of n bytes of one value v: a = 1 + nv, b = n + v n(n+1)/2, modulo 65521.
	const v, mod = ' ', 65521
	n := uint64(mib) << 20
	sum := (n%mod+v*((n*(n+1)/2)%mod))%mod<<16 | (1+n*v)%mod
	return binary.BigEndian.AppendUint32(out, uint32(sum))
}
