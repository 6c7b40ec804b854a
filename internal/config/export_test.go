package config

import "bod/internal/calendar"

// ShownExample is the example that is shown in one language.
func ShownExample(k Key, l calendar.Language) string {
	if en, ok := englishExamples[k.Table+"."+k.Name]; ok && l == calendar.English {
		return en
	}
	return k.Example
}
