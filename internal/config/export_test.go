package config

// Test hooks: complete files around a few lines, for tests with the kinds that are built in.
var (
	FileWith  = fileWith
	World     = world
	InOffice  = inOffice
	AdminWith = adminWith
)

// ReadAndAsked loads a file, with the administrator's where it is named, and gives, as table and key with a NUL between
// them, what the readers asked for.
func ReadAndAsked(path, admin string, kinds []Kind) (*Config, map[string]bool) {
	asked := make(map[string]bool)
	l := read(path, admin, kinds, asked)
	if l.f.errors > 0 || l.above != nil && l.above.f.errors > 0 {
		return nil, asked
	}
	return l.c, asked
}
