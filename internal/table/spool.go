package table

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"time"

	"github.com/shopspring/decimal"
)

// cell is a value as its source has it, before the column's type is known: a Text where the source has only
// texts, and of its own type where it knows one.
type cell struct {
	Value
	fault bool // the source itself says that this is no value, as #N/A in a workbook; Text says what stands there
}

// record is one row of cells.
type record struct {
	number int
	offset int64
	cells  []cell
}

// inMemory is how much of a source is kept in memory; what is longer lies in a file.
const inMemory = 8 << 20

// spool keeps the rows of one source in the order in which they came: in memory first, and from inMemory on in a
// temporary file that has no name any more, so that nothing of it is left behind whatever ends the program.
type spool struct {
	mem   []byte
	file  *os.File
	w     *bufio.Writer
	n     int
	size  int64
	zones []*time.Location
	frame []byte
}

func (s *spool) len() int { return s.n }

// add keeps one row.
func (s *spool) add(number int, cells []cell) error {
	b := s.frame[:0]
	b = binary.AppendUvarint(b, uint64(number))
	b = binary.AppendUvarint(b, uint64(len(cells)))
	for _, c := range cells {
		b = s.encode(b, c)
	}
	s.frame = b
	var head [binary.MaxVarintLen64]byte
	h := head[:binary.PutUvarint(head[:], uint64(len(b)))]
	if s.file == nil && len(s.mem)+len(h)+len(b) > inMemory {
		if err := s.toFile(); err != nil {
			return err
		}
	}
	if s.file == nil {
		s.mem = append(append(s.mem, h...), b...)
	} else {
		if _, err := s.w.Write(h); err != nil {
			return s.failed(err)
		}
		if _, err := s.w.Write(b); err != nil {
			return s.failed(err)
		}
	}
	s.n++
	s.size += int64(len(h) + len(b))
	return nil
}

func (s *spool) failed(err error) error {
	return fmt.Errorf("couldn't keep the rows in a temporary file: %w", err)
}

func (s *spool) toFile() error {
	f, err := os.CreateTemp("", "bod-table-")
	if err != nil {
		return s.failed(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return s.failed(errors.Join(err, f.Close()))
	}
	s.file, s.w = f, bufio.NewWriterSize(f, 1<<18)
	if _, err := s.w.Write(s.mem); err != nil {
		return s.failed(err)
	}
	s.mem = nil
	return nil
}

// done ends the adding.
func (s *spool) done() error {
	s.frame = nil
	if s.w == nil {
		return nil
	}
	if err := s.w.Flush(); err != nil {
		return s.failed(err)
	}
	s.w = nil
	return nil
}

func (s *spool) close() error {
	s.mem = nil
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

const (
	tagFault = 0x40
	tagBig   = 0x80
)

func (s *spool) encode(b []byte, c cell) []byte {
	tag := byte(c.typ)
	if c.fault {
		tag |= tagFault
	}
	if c.big != nil {
		tag |= tagBig
	}
	b = append(b, tag)
	text := func(t string) {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	switch {
	case c.typ == Text:
		text(c.text)
	case c.big != nil:
		text(c.big.String())
	case c.typ == Number:
		b = append(binary.AppendVarint(b, c.n), c.scale)
	case c.typ == Time:
		b = append(binary.AppendVarint(b, c.n), s.zone(c.zone))
	case c.typ != Empty:
		b = binary.AppendVarint(b, c.n)
	}
	return b
}

// zone is the number of a time zone. A source has a few; should one have more, the rest are shown in UTC.
func (s *spool) zone(z *time.Location) byte {
	for i, have := range s.zones {
		if have == z || z != nil && have != nil && have.String() == z.String() {
			return byte(i)
		}
	}
	if len(s.zones) == math.MaxUint8 {
		return math.MaxUint8
	}
	s.zones = append(s.zones, z)
	return byte(len(s.zones) - 1)
}

// errSpool is a frame that cannot be read back. The file has no name, so that only a failing disk makes one.
var errSpool = errors.New("couldn't read back the rows that were kept")

// decode reads a frame. Its texts share one string, so that a row is two allocations however many texts it has.
func (s *spool) decode(frame string, offset int64) (record, error) {
	r := reader{s: frame}
	rec := record{number: int(r.uvarint()), offset: offset}
	n := int(r.uvarint())
	if n > len(frame) {
		return record{}, errSpool
	}
	rec.cells = make([]cell, n)
	for i := range rec.cells {
		c := &rec.cells[i]
		tag := r.byte()
		c.typ, c.fault = Type(tag&0x0F), tag&tagFault != 0
		switch {
		case c.typ == Text:
			c.text = r.text()
		case tag&tagBig != 0:
			d, err := decimal.NewFromString(r.text())
			if err != nil {
				return record{}, errSpool
			}
			c.big = &d
		case c.typ == Number:
			c.n, c.scale = r.varint(), r.byte()
		case c.typ == Time:
			c.n = r.varint()
			if z := int(r.byte()); z < len(s.zones) {
				c.zone = s.zones[z]
			}
		case c.typ != Empty:
			c.n = r.varint()
		}
	}
	if r.bad {
		return record{}, errSpool
	}
	return rec, nil
}

// all goes through the rows in order.
func (s *spool) all() iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		if s.file == nil {
			for at := int64(0); at < int64(len(s.mem)); {
				n, head := binary.Uvarint(s.mem[at:])
				end := at + int64(head) + int64(n)
				if head <= 0 || end > int64(len(s.mem)) {
					yield(record{}, errSpool)
					return
				}
				rec, err := s.decode(string(s.mem[at+int64(head):end]), at)
				if !yield(rec, err) || err != nil {
					return
				}
				at = end
			}
			return
		}
		in := bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.size), 1<<18)
		var frame []byte
		for at := int64(0); at < s.size; {
			n, err := binary.ReadUvarint(in)
			if err != nil || n > uint64(s.size) {
				yield(record{}, errors.Join(errSpool, err))
				return
			}
			if uint64(cap(frame)) < n {
				frame = make([]byte, n)
			}
			frame = frame[:n]
			if _, err := io.ReadFull(in, frame); err != nil {
				yield(record{}, errors.Join(errSpool, err))
				return
			}
			rec, err := s.decode(string(frame), at)
			if !yield(rec, err) || err != nil {
				return
			}
			at += int64(len(binary.AppendUvarint(nil, n))) + int64(n)
		}
	}
}

// at reads the row that begins at an offset.
func (s *spool) at(offset int64) (record, error) {
	if s.file == nil {
		if offset < 0 || offset >= int64(len(s.mem)) {
			return record{}, errSpool
		}
		n, head := binary.Uvarint(s.mem[offset:])
		end := offset + int64(head) + int64(n)
		if head <= 0 || end > int64(len(s.mem)) {
			return record{}, errSpool
		}
		return s.decode(string(s.mem[offset+int64(head):end]), offset)
	}
	in := bufio.NewReaderSize(io.NewSectionReader(s.file, offset, s.size-offset), 1<<12)
	n, err := binary.ReadUvarint(in)
	if err != nil || n > uint64(s.size) {
		return record{}, errors.Join(errSpool, err)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(in, frame); err != nil {
		return record{}, errors.Join(errSpool, err)
	}
	return s.decode(string(frame), offset)
}

// reader reads a frame.
type reader struct {
	s   string
	i   int
	bad bool
}

func (r *reader) byte() byte {
	if r.i >= len(r.s) {
		r.bad = true
		return 0
	}
	r.i++
	return r.s[r.i-1]
}

func (r *reader) uvarint() (v uint64) {
	for shift := 0; shift < 64; shift += 7 {
		c := r.byte()
		v |= uint64(c&0x7F) << shift
		if c < 0x80 {
			return v
		}
	}
	r.bad = true
	return 0
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.s)-r.i) {
		r.bad = true
		return ""
	}
	r.i += int(n)
	return r.s[r.i-int(n) : r.i]
}
