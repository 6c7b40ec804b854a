package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
)

// The table of keys, the readers and what they fill belong together, with the kinds
// that are built in: no key is documented that nothing reads, nothing asks for a
// key that is not documented, and no field of the result is left without a key.
func TestKeysReadersAndFieldsBelongTogether(t *testing.T) {
	dir := t.TempDir()
	here := config.World(t, dir)
	documented, asked := make(map[string]bool), make(map[string]bool)
	fields := make(map[string]bool) // true: was filled
	for _, s := range config.Sections(jobs.ConfigKinds()) {
		for _, k := range s.Keys {
			documented[k.Table+"\x00"+k.Name] = true
			for _, lang := range []calendar.Language{calendar.Japanese, calendar.English} {
				path := filepath.Join(dir, "jobs.toml")
				text := config.FileWith(s.Name+" "+s.Kind, k.Name, here.Replace(k.ExampleIn(lang)))
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				c, read := config.ReadAndAsked(path, "", jobs.ConfigKinds())
				maps.Copy(asked, read)
				if c == nil {
					t.Errorf("the example of [%s] does not load: %s", k.Table, k.ExampleIn(lang))
					continue
				}
				fill(fields, reflect.ValueOf(c))
			}
		}
	}
	for _, k := range config.AdminKeys() {
		documented[k.Table+"\x00"+k.Name] = true
		path, admin := filepath.Join(dir, "jobs.toml"), filepath.Join(dir, "admin.toml")
		rules, text := config.AdminWith(k, k.Example)
		for name, text := range map[string]string{path: here.Replace(rules), admin: here.Replace(text)} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, read := config.ReadAndAsked(path, admin, jobs.ConfigKinds())
		maps.Copy(asked, read)
		if c == nil {
			t.Errorf("the administrator's example of [%s] does not load: %s", k.Table, k.Example)
			continue
		}
		fill(fields, reflect.ValueOf(c))
	}
	for key := range documented {
		if !asked[key] {
			t.Errorf("%s is documented, but nothing reads it", shown(key))
		}
	}
	for key := range asked {
		table, name, _ := strings.Cut(key, "\x00")
		// The summary is read as every job is, and has fewer keys on purpose.
		if !documented[key] && !(table == "summary" && documented["job.NAME\x00"+name]) {
			t.Errorf("%s is asked for, but it is not in the table of keys, so that nobody can write it", shown(key))
		}
	}
	delete(fields, "Config.Warnings") // what reading it tells, and no key's value
	for field, filled := range fields {
		if !filled {
			t.Errorf("no example of any key fills %s", field)
		}
	}
}

func shown(key string) string {
	table, name, _ := strings.Cut(key, "\x00")
	return "[" + table + "] " + name
}

// fill notes which exported fields of config's own structs have a value.
func fill(fields map[string]bool, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			fill(fields, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(fields, v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			fill(fields, v.MapIndex(k))
		}
	case reflect.Struct:
		if v.Type().PkgPath() != reflect.TypeFor[config.Config]().PkgPath() {
			return
		}
		for f, x := range v.Fields() {
			if f.IsExported() {
				name := v.Type().Name() + "." + f.Name
				fields[name] = fields[name] || !x.IsZero()
				fill(fields, x)
			}
		}
	}
}
