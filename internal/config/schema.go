package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
)

// schema is the part of JSON Schema (draft 7) that editors of TOML act on. A value
// of several types is one schema with all their keywords and not an anyOf: the
// editor then says which key is wrong, instead of "not valid under any of the schemas".
type schema struct {
	Draft                string             `json:"$schema,omitempty"`
	Title                string             `json:"title,omitempty"`
	Description          string             `json:"description,omitempty"`
	Type                 any                `json:"type,omitempty"` // a word or several
	Enum                 []string           `json:"enum,omitempty"`
	AnyOf                []*schema          `json:"anyOf,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Minimum              int                `json:"minimum,omitempty"`
	Maximum              int                `json:"maximum,omitempty"`
	Items                *schema            `json:"items,omitempty"`
	MinItems             int                `json:"minItems,omitempty"`
	UniqueItems          bool               `json:"uniqueItems,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	PropertyNames        *schema            `json:"propertyNames,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"` // false, or the schema of what has a free name
	Required             []string           `json:"required,omitempty"`
	AllOf                []*schema          `json:"allOf,omitempty"`
	If                   *schema            `json:"if,omitempty"`
	Then                 *schema            `json:"then,omitempty"`
	Not                  *schema            `json:"not,omitempty"`
	Default              any                `json:"default,omitempty"`
	Examples             []any              `json:"examples,omitempty"`
	Editor               *editorHints       `json:"x-taplo,omitempty"`
}

// editorHints is what the editors' TOML extension understands beside JSON Schema:
// the keys that a new table begins with, and the meaning of each word of an enumeration.
type editorHints struct {
	InitKeys []string    `json:"initKeys,omitempty"`
	Docs     *editorDocs `json:"docs,omitempty"`
}

type editorDocs struct {
	EnumValues []string `json:"enumValues,omitempty"`
}

// Schema writes the key table as a JSON Schema, for editors that complete, explain
// and underline while somebody writes. What it refuses is refused by Load too; what
// hangs on more than one key, on a file or on a name of [people] only Load sees.
func Schema(kinds []Kind) []byte {
	w := &schemaWriter{tables: Tables(), keys: Keys(kinds), kinds: kinds}
	return w.write("jobs.toml", say("bod の予定表", "the rules of bod"))
}

// AdminSchema is the same for the administrator's file.
func AdminSchema() []byte {
	w := &schemaWriter{tables: AdminTables(), keys: AdminKeys()}
	return w.write("admin.toml", say("bod の管理者のファイル", "the administrator's file of bod"))
}

func (w *schemaWriter) write(file string, what calendar.Text) []byte {
	root := w.object("")
	root.Draft = "http://json-schema.org/draft-07/schema#"
	root.Title, root.Description = file, what.JA+"\n\n"+what.EN
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		// Texts, numbers and truths, all from the key table: nothing of it can fail to be written.
		panic(err)
	}
	return b.Bytes()
}

type schemaWriter struct {
	tables []Table
	keys   []Key
	kinds  []Kind
}

// object is the schema of one table with all that stands below it.
func (w *schemaWriter) object(table string) *schema {
	o := &schema{Type: "object", AdditionalProperties: false, Properties: make(map[string]*schema)}
	for _, k := range w.keys {
		switch {
		case k.Table != table:
		case k.Name == anyName:
			o.AdditionalProperties, o.PropertyNames = w.value(k), names(table)
		default:
			v := w.value(k)
			if before := o.Properties[k.Name]; before != nil && before.Description != v.Description {
				// Two kinds have a key of this name: an editor shows what it means for each.
				v.Description = before.Description + "\n\n---\n\n" + v.Description
				v.Examples = append(slices.Clone(before.Examples), v.Examples...)
			}
			o.Properties[k.Name] = v
			if k.Needed {
				o.Required = append(o.Required, k.Name)
			}
		}
	}
	for _, t := range w.tables {
		if t.Name == table {
			o.Description = t.Head.JA + "\n\n" + t.Head.EN
		}
		if table != "" || t.Name == "" {
			continue
		}
		name, rest, below := strings.Cut(t.Name, ".")
		switch {
		case rest == anyName && o.Properties[name] == nil:
			sub := w.object(t.Name)
			o.Properties[name] = &schema{Type: "object", Description: sub.Description, AdditionalProperties: sub, PropertyNames: names(name)}
		case !below:
			o.Properties[name] = w.object(t.Name)
		default:
			continue // in the value of a key
		}
		if t.Needed {
			o.Required = append(o.Required, name)
		}
	}
	if table == "job.NAME" {
		w.byKind(o)
	}
	if len(o.Required) > 0 {
		o.Editor = &editorHints{InitKeys: o.Required}
	}
	return o
}

// byKind leaves a job the keys of its own kind. With one kind there is nothing to tell apart.
func (w *schemaWriter) byKind(o *schema) {
	var words []string
	own := make(map[string][]string)
	for _, k := range w.kinds {
		if reserved(k.Name()) {
			continue
		}
		words = append(words, k.Name())
		for _, key := range k.Keys() {
			own[k.Name()] = append(own[k.Name()], key.Name)
			if key.Needed {
				own["needed "+k.Name()] = append(own["needed "+k.Name()], key.Name)
			}
		}
	}
	kind := *o.Properties["kind"]
	kind.Pattern, kind.Enum = "", words
	o.Properties["kind"] = &kind
	if len(words) < 2 {
		return
	}
	shared := keysOf(ownKeys, "job.NAME").names
	o.Required = slices.DeleteFunc(o.Required, func(name string) bool { return !slices.Contains(shared, name) })
	for _, word := range words {
		o.AllOf = append(o.AllOf, &schema{
			If:   &schema{Properties: map[string]*schema{"kind": {Enum: []string{word}}}},
			Then: &schema{Required: own["needed "+word], PropertyNames: &schema{Enum: slices.Concat(shared, own[word])}},
		})
	}
}

// value is the schema of what stands behind one key.
func (w *schemaWriter) value(k Key) *schema {
	s := w.shape(k)
	if f, ok := forms[k.Table+"."+k.Name]; ok {
		f.onto(s)
	}
	s.Description = k.Meaning.JA + "\n\n" + k.Meaning.EN
	if k.Default != "" {
		s.Default = tomlValue("default = "+k.Default, "default")
		s.Description += "\n\n書かなければ / when not written: `" + k.Default + "`"
	}
	s.Description += "\n\n```toml\n"
	for _, l := range []calendar.Language{calendar.Japanese, calendar.English} {
		example := k.ExampleIn(l)
		if len(s.Examples) > 0 && example == k.Example {
			break
		}
		s.Description += example + "\n"
		s.Examples = append(s.Examples, tomlValue(example, ""))
	}
	s.Description += "```"
	if s.AnyOf != nil {
		// Editors show each part that they offer with its own words, and put those of the whole before them.
		s.AnyOf[0].Description, s.Description = s.Description, ""
	}
	return s
}

// tomlValue is the value of a line of the key table as JSON has it; of a line with
// a name that the user chooses whatever it is called.
func tomlValue(line, name string) any {
	m, err := decode(line)
	if err != nil {
		return nil // a test holds that every example can be read
	}
	if name == "" {
		for name = range m {
			break
		}
	}
	if t, ok := m[name].(time.Time); ok {
		return t.Format(time.DateOnly)
	}
	return m[name]
}

// oneLineText is what every text has to be: something, on one line.
const oneLineText = `^.*\S.*$`

// shape is what the type alone says.
func (w *schemaWriter) shape(k Key) *schema {
	text := func(pattern string) *schema { return &schema{Type: "string", Pattern: pattern} }
	switch k.Type {
	case "text", "name", "file", "folder":
		if k.Name == anyName && slices.ContainsFunc(w.tables, func(t Table) bool { return t.Name == k.Table+"."+anyName }) {
			return w.textOr(oneLineText, k.Table+"."+anyName)
		}
		return text(oneLineText)
	case "number":
		return &schema{Type: "integer"}
	case "true or false":
		return &schema{Type: "boolean"}
	case "table":
		if slices.ContainsFunc(w.tables, func(t Table) bool { return t.Name == k.Table+"."+k.Name }) {
			return w.object(k.Table + "." + k.Name)
		}
		return &schema{Type: "object", AdditionalProperties: &schema{Type: []string{"string", "number"}}}
	case "list of tables":
		one := w.object(k.Table + "." + k.Name)
		one.Description = ""
		s := *one
		s.Type, s.Items, s.MinItems = []string{"array", "object"}, one, 1
		return &s
	case "list of texts", "list of patterns", "list of days":
		return listOf(text(oneLineText))
	case "list of dates":
		return listOf(text(datePattern))
	case "list of names":
		return once(listOf(text(oneLineText)))
	case "address":
		return text(addressPattern)
	case "list of addresses":
		return once(listOf(text(addressPattern)))
	case "person":
		return w.textOr(addressPattern, "people.NAME")
	case "schedule":
		return w.textOr(oneLineText, "job.NAME.when")
	case "size":
		return text(sizePattern)
	case "span":
		return text(spanPattern)
	case "time":
		return text(clockPattern)
	case "date":
		return text(datePattern)
	case "day":
		s := listOf(text(oneLineText))
		s.Type = []string{"integer", "string", "array"}
		s.Items.Type = []string{"integer", "string"}
		s.Minimum, s.Maximum, s.Items.Minimum, s.Items.Maximum = 1, 31, 1, 31
		return s
	}
	return &schema{} // anything: a test finds the type that is forgotten here
}

// listOf takes one, or several in brackets.
func listOf(one *schema) *schema {
	s := *one
	s.Type = []string{"string", "array"}
	s.Items, s.MinItems = one, 1
	return &s
}

// once is a list in which nobody may stand twice.
func once(list *schema) *schema {
	list.UniqueItems = true
	return list
}

// textOr takes a text, or the same said as a table.
func (w *schemaWriter) textOr(pattern, table string) *schema {
	s := w.object(table)
	s.Type, s.Pattern = []string{"string", "object"}, pattern
	return s
}

// names is what people, partners, folders and jobs may be called.
func names(table string) *schema {
	s := &schema{Pattern: `^[^\s/#@-][^/#@]{0,59}$`}
	switch table {
	case "job":
		s.Not = &schema{Enum: []string{"notice", summaryName, MorningName, ReviewName}}
	case "people", "partner":
		s.Not = &schema{Enum: slices.Sorted(maps.Keys(allNames))}
	}
	return s
}
