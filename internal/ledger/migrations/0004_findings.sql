-- What checks of rows found, with its life. The moves are guarded by triggers that are made of the table of moves.
CREATE TABLE findings (
    id       INTEGER PRIMARY KEY,
    month    INTEGER NOT NULL,
    serial   INTEGER NOT NULL CHECK (serial > 0),
    job      TEXT NOT NULL REFERENCES jobs (name),
    asks     TEXT NOT NULL CHECK (asks <> ''), -- the check, as it identifies itself
    row      TEXT NOT NULL CHECK (row <> ''),  -- the row's key
    label    TEXT NOT NULL,                    -- the row, for people
    says     TEXT NOT NULL,                    -- what was found, for people
    evidence TEXT NOT NULL CHECK (json_valid(evidence)),
    value    TEXT NOT NULL,                    -- of the row under the check: when it changes, what was accepted is asked again
    state    TEXT NOT NULL CHECK (state IN ('new', 'told', 'reminded', 'resolved', 'accepted')),
    tell     TEXT NOT NULL,                    -- whom it concerns
    run      INTEGER NOT NULL REFERENCES runs (id), -- that saw it last, or resolved it
    first    INTEGER NOT NULL,
    message  INTEGER REFERENCES messages (id), -- that told it last
    told     INTEGER CHECK ((told IS NULL) = (message IS NULL)),
    times    INTEGER NOT NULL CHECK (times >= 0), -- how often it was told
    -- Who accepted it as it is; kept afterwards, for the next time that the same is asked.
    who      TEXT NOT NULL,
    user     TEXT NOT NULL,
    why      TEXT NOT NULL,
    accepted INTEGER CHECK (state <> 'accepted' OR accepted IS NOT NULL),
    until    INTEGER,
    ended    TEXT NOT NULL CHECK ((ended <> '') = (state = 'resolved')), -- how it came to its end
    changed  INTEGER NOT NULL,
    UNIQUE (month, serial)
) STRICT;
CREATE UNIQUE INDEX findings_open ON findings (job, asks, row) WHERE state <> 'resolved';
CREATE INDEX findings_row ON findings (job, asks, row, id);
CREATE INDEX findings_run ON findings (run, state);
CREATE TRIGGER findings_keep BEFORE DELETE ON findings
BEGIN SELECT RAISE(ABORT, 'findings are never deleted'); END;
CREATE TRIGGER findings_identity BEFORE UPDATE OF id, month, serial, job, asks, row, first ON findings
WHEN NEW.id IS NOT OLD.id OR NEW.month IS NOT OLD.month OR NEW.serial IS NOT OLD.serial OR NEW.job IS NOT OLD.job
  OR NEW.asks IS NOT OLD.asks OR NEW.row IS NOT OLD.row OR NEW.first IS NOT OLD.first
BEGIN SELECT RAISE(ABORT, 'the identity of a finding is never changed'); END;

-- Which findings a sealed message tells. They count as told when it is sent.
CREATE TABLE tellings (
    message INTEGER NOT NULL REFERENCES messages (id),
    finding INTEGER NOT NULL REFERENCES findings (id),
    counted INTEGER NOT NULL CHECK (counted IN (0, 1)),
    PRIMARY KEY (message, finding)
) STRICT;
CREATE INDEX tellings_finding ON tellings (finding);
CREATE INDEX tellings_open ON tellings (message) WHERE counted = 0;
CREATE TRIGGER tellings_keep BEFORE DELETE ON tellings
BEGIN SELECT RAISE(ABORT, 'tellings are never deleted'); END;
CREATE TRIGGER tellings_once BEFORE UPDATE ON tellings
WHEN OLD.counted = 1 OR NEW.message IS NOT OLD.message OR NEW.finding IS NOT OLD.finding
BEGIN SELECT RAISE(ABORT, 'a telling counts once and is never changed'); END;
CREATE TRIGGER tellings_sent BEFORE UPDATE OF counted ON tellings
WHEN NEW.counted = 1 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.message = NEW.message AND d.state IN ('sent', 'written', 'by hand'))
BEGIN SELECT RAISE(ABORT, 'a finding is told when its message is sent'); END;
