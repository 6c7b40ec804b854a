package config

// Test hooks: complete files around a few lines, for tests with the kinds that are built in.
var (
	TestOnlyFileWith = fileWith
	TestOnlyWorld    = world
	TestOnlyInOffice = inOffice
)
