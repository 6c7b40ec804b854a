package ledger

import sqlite3 "modernc.org/sqlite/lib"

// SQLiteVersion is the version of SQLite that is compiled in.
func SQLiteVersion() string { return sqlite3.SQLITE_VERSION }
