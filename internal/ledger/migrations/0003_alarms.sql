-- What bod cannot tell by mail, and what became of telling it by the administrator's program. A row stands as long as what
-- it tells of; the log keeps it afterwards.
CREATE TABLE alarms (
    name   TEXT PRIMARY KEY CHECK (name <> ''), -- the kind, a slash, and what it is about: summary/2611-0044
    text   TEXT NOT NULL,
    since  INTEGER NOT NULL,
    told   INTEGER,                             -- when the program took it
    tries  INTEGER NOT NULL CHECK (tries >= 0),
    next   INTEGER CHECK (next IS NULL OR told IS NULL),
    result TEXT NOT NULL                        -- the program's last word
) STRICT;
