package ledger

import "fmt"

// LettersWith returns the letters that were made of something with this hash: a file, or the number of a document.
// Those that never left and never will (replaced, rejected) are not among them. The hash is looked for as text first: of a
// hundred thousand letters nearly all are passed over without reading their inputs apart.
func (v *View) LettersWith(kind, hash string) ([]Message, error) {
	ms, err := collect(v.messages(selectMessages+` WHERE m.class = 'letter' AND instr(m.inputs, $2) > 0
		AND EXISTS (SELECT 1 FROM json_each(m.inputs) i WHERE json_extract(i.value, '$.kind') = $1 AND json_extract(i.value, '$.hash') = $2)
		AND EXISTS (SELECT 1 FROM deliveries d WHERE d.message = m.id AND d.state NOT IN ('replaced', 'rejected')) ORDER BY m.id`,
		[]any{kind, hash}))
	if err != nil {
		return nil, fmt.Errorf("couldn't find the letters made of the %s %s: %w", kind, hash, err)
	}
	return ms, nil
}
