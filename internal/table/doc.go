// Package table reads the office's tables: rows with types, from CSV and workbooks,
// single cells of many workbooks, folders, JSON, HTTP and databases.
//
// It promises that nothing in a table is a guess. The type of a column is decided
// over all its values, or by the file's key types; a value that doesn't fit is told
// with its row and column and never passes as something else. A source that is missing,
// unreadable, half written, too old or too big gives a Problem in words for a person, and
// never an empty table. Nothing is ever written to a source: files are opened for reading,
// databases in a read-only transaction.
//
// A source is read once, from its beginning to its end, before anybody sees its first
// row: what is wrong at the end of a file is known before something is done about its
// beginning. What was read is kept beside (in memory, or from some size on in a temporary
// file without a name), so that rows can be gone through as often as a rule needs, in
// memory that does not grow with the table.
//
// The package knows nobody above it. How its keys stand in jobs.toml is the matter of
// config, which hands in a Settings; where files lie, which secrets there are and which
// hosts may be asked is that of the World that the caller hands in.
package table
