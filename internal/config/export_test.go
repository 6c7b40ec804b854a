package config

// Test hooks: complete files around a few lines, for tests with the kinds that are built in.
var (
	FileWith = fileWith
	World    = world
	InOffice = inOffice
)

// ReadAndAsked loads a file and gives, as table and key with a NUL between them, what its readers asked for.
func ReadAndAsked(path string, kinds []Kind) (*Config, map[string]bool) {
	asked := make(map[string]bool)
	l := read(path, kinds, asked)
	if l.f.errors > 0 {
		return nil, asked
	}
	return l.c, asked
}
