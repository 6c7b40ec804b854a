package config

// AddresseesBeside reads a list of addressees in which other texts may stand: take is asked about each text, and
// those that it takes are the caller's own, such as "{メール}", the column of a table. The rule keeps them as they are written.
func (d *Decoder) AddresseesBeside(key string, take func(i int, text string) bool) (out []Addressee) {
	d.read(key, func() any {
		var rule []any
		for i, it := range d.s.items(key) {
			if take(i, it.text) {
				rule = append(rule, it.text)
				continue
			}
			a, ok := d.s.addressee(it)
			if !ok {
				continue
			}
			if twice := sameAddress(out, a); twice != "" {
				d.s.twiceAddress(key, it.off, twice)
				continue
			}
			out = append(out, a)
			rule = append(rule, ruleAddressee(a))
		}
		return rule
	})
	return out
}
