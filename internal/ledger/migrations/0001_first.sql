-- The ledger. Times are microseconds UTC; JSON is text; truth values are 0 and 1.
-- The triggers that guard the moves are not here: they are made of the one table
-- of moves in state.go.

-- Who this ledger is. One row, never changed.
CREATE TABLE ledger (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    id    TEXT NOT NULL CHECK (length(id) = 32),
    trial INTEGER NOT NULL CHECK (trial IN (0, 1))
) STRICT;

-- The clockwork: outside the log, because losing it loses nothing.
CREATE TABLE pulse (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    clean   INTEGER NOT NULL CHECK (clean IN (0, 1)), -- the last stop was a clean one
    touched INTEGER NOT NULL
) STRICT;

-- The log. Each row carries the hash of the one before in its own.
CREATE TABLE events (
    seq    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    who    TEXT NOT NULL,
    user   TEXT NOT NULL,
    thing  TEXT NOT NULL,
    row    TEXT NOT NULL,
    change TEXT NOT NULL CHECK (json_valid(change)),
    hash   TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;
CREATE INDEX events_of ON events (thing, row, seq);

CREATE TRIGGER events_in_order BEFORE INSERT ON events
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events)
BEGIN SELECT RAISE(ABORT, 'events are numbered without a gap'); END;
CREATE TRIGGER events_stay BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_keep BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

CREATE TABLE jobs (
    name    TEXT PRIMARY KEY CHECK (name <> ''),
    current TEXT NOT NULL CHECK (current <> ''),
    kind    TEXT NOT NULL,
    rule    TEXT NOT NULL,
    shape   TEXT NOT NULL,
    mark    INTEGER NOT NULL,
    gone    INTEGER NOT NULL CHECK (gone IN (0, 1)),
    seen    INTEGER NOT NULL,
    changed INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_current ON jobs (current);
CREATE TRIGGER jobs_keep BEFORE DELETE ON jobs
BEGIN SELECT RAISE(ABORT, 'jobs are never deleted'); END;
CREATE TRIGGER jobs_name BEFORE UPDATE OF name, seen ON jobs
WHEN NEW.name IS NOT OLD.name OR NEW.seen IS NOT OLD.seen
BEGIN SELECT RAISE(ABORT, 'the identity of a job is never changed'); END;
CREATE TRIGGER jobs_mark BEFORE UPDATE OF mark ON jobs WHEN NEW.mark < OLD.mark
BEGIN SELECT RAISE(ABORT, 'a mark never moves back'); END;

CREATE TABLE runs (
    id         INTEGER PRIMARY KEY,
    month      INTEGER NOT NULL,
    serial     INTEGER NOT NULL CHECK (serial > 0),
    job        TEXT NOT NULL REFERENCES jobs (name),
    period     TEXT NOT NULL CHECK (period <> ''),
    nominal    INTEGER NOT NULL,
    due        INTEGER NOT NULL,
    prepare_at INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('planned', 'running', 'waiting', 'drafted', 'done', 'failed', 'missed', 'skipped')),
    reasons    TEXT NOT NULL CHECK (json_valid(reasons)),
    late       INTEGER NOT NULL CHECK (late IN (0, 1)),
    generation INTEGER NOT NULL CHECK (generation > 0),
    asks       INTEGER NOT NULL CHECK (asks > 0), -- how often it was asked for: by planning, then by people
    only       TEXT NOT NULL CHECK (json_valid(only)),
    early      INTEGER NOT NULL CHECK (early IN (0, 1)),
    next_look  INTEGER CHECK (next_look IS NULL OR state = 'waiting'),
    said       TEXT NOT NULL,
    created    INTEGER NOT NULL,
    changed    INTEGER NOT NULL,
    UNIQUE (month, serial),
    UNIQUE (job, period)
) STRICT;
CREATE INDEX runs_due ON runs (due, id);
CREATE INDEX runs_job ON runs (job, due, id);
CREATE INDEX runs_state ON runs (state, due, id);
CREATE INDEX runs_changed ON runs (changed);
CREATE TRIGGER runs_keep BEFORE DELETE ON runs
BEGIN SELECT RAISE(ABORT, 'runs are never deleted'); END;
CREATE TRIGGER runs_identity BEFORE UPDATE OF id, month, serial, job, period, nominal, created ON runs
WHEN NEW.id IS NOT OLD.id OR NEW.month IS NOT OLD.month OR NEW.serial IS NOT OLD.serial OR NEW.job IS NOT OLD.job
  OR NEW.period IS NOT OLD.period OR NEW.nominal IS NOT OLD.nominal OR NEW.created IS NOT OLD.created
BEGIN SELECT RAISE(ABORT, 'the identity of a run is never changed'); END;

CREATE TABLE messages (
    id            INTEGER PRIMARY KEY,
    month         INTEGER NOT NULL,
    serial        INTEGER NOT NULL CHECK (serial > 0),
    run           INTEGER REFERENCES runs (id),
    generation    INTEGER NOT NULL CHECK (generation >= 0),
    asks          INTEGER NOT NULL CHECK (asks >= 0), -- the run's, when this was last drafted
    class         TEXT NOT NULL CHECK (class IN ('letter', 'summary', 'notice')),
    job           TEXT REFERENCES jobs (name),
    part          TEXT NOT NULL,
    key           TEXT NOT NULL CHECK (key <> ''),
    subject       TEXT NOT NULL,
    addressee     TEXT NOT NULL,
    sender        TEXT NOT NULL,
    message_id    TEXT NOT NULL,
    date          INTEGER NOT NULL,
    hash          TEXT NOT NULL CHECK (length(hash) = 64),
    size          INTEGER NOT NULL CHECK (size > 0),
    inputs        TEXT NOT NULL CHECK (json_valid(inputs)),
    amount        INTEGER,
    not_before    INTEGER,
    deadline      INTEGER,
    confirm_by    TEXT NOT NULL CHECK (json_valid(confirm_by)),
    confirm_count INTEGER NOT NULL CHECK (confirm_count >= 0),
    sealed        INTEGER NOT NULL,
    predecessor   INTEGER UNIQUE REFERENCES messages (id) CHECK (predecessor < id),
    queued        INTEGER,
    -- Whether the key is taken: some delivery is not rejected, failed or replaced. Kept by the triggers below.
    live          INTEGER NOT NULL CHECK (live IN (0, 1)),
    UNIQUE (month, serial),
    CHECK (class = 'notice' OR run IS NOT NULL AND job IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX messages_key_live ON messages (key) WHERE live = 1;
CREATE INDEX messages_key ON messages (key, id);
CREATE INDEX messages_run ON messages (run, id);
CREATE INDEX messages_job ON messages (job, id);
CREATE INDEX messages_class ON messages (class, id);
CREATE INDEX messages_sealed ON messages (sealed);
CREATE TRIGGER messages_keep BEFORE DELETE ON messages
BEGIN SELECT RAISE(ABORT, 'messages are never deleted'); END;
CREATE TRIGGER messages_sealed BEFORE UPDATE ON messages
WHEN NEW.id IS NOT OLD.id OR NEW.month IS NOT OLD.month OR NEW.serial IS NOT OLD.serial OR NEW.run IS NOT OLD.run
  OR NEW.generation IS NOT OLD.generation OR NEW.class IS NOT OLD.class OR NEW.job IS NOT OLD.job OR NEW.part IS NOT OLD.part
  OR NEW.key IS NOT OLD.key OR NEW.subject IS NOT OLD.subject OR NEW.addressee IS NOT OLD.addressee OR NEW.sender IS NOT OLD.sender
  OR NEW.message_id IS NOT OLD.message_id OR NEW.date IS NOT OLD.date OR NEW.hash IS NOT OLD.hash OR NEW.size IS NOT OLD.size
  OR NEW.inputs IS NOT OLD.inputs OR NEW.amount IS NOT OLD.amount OR NEW.not_before IS NOT OLD.not_before
  OR NEW.deadline IS NOT OLD.deadline OR NEW.confirm_by IS NOT OLD.confirm_by OR NEW.confirm_count IS NOT OLD.confirm_count
  OR NEW.sealed IS NOT OLD.sealed OR NEW.predecessor IS NOT OLD.predecessor
  OR OLD.queued IS NOT NULL AND NEW.queued IS NOT OLD.queued
BEGIN SELECT RAISE(ABORT, 'a sealed message is never changed'); END;

CREATE TABLE bodies (
    message INTEGER PRIMARY KEY REFERENCES messages (id),
    bytes   BLOB NOT NULL
) STRICT;
CREATE TRIGGER bodies_sealed BEFORE UPDATE ON bodies
BEGIN SELECT RAISE(ABORT, 'sealed bytes are never changed'); END;
CREATE TRIGGER bodies_keep BEFORE DELETE ON bodies
BEGIN SELECT RAISE(ABORT, 'sealed bytes are never deleted'); END;

CREATE TABLE deliveries (
    id       INTEGER PRIMARY KEY,
    message  INTEGER NOT NULL REFERENCES messages (id),
    mail     TEXT NOT NULL CHECK (mail <> ''),
    name     TEXT NOT NULL,
    role     TEXT NOT NULL CHECK (role IN ('to', 'cc', 'bcc')),
    outside  INTEGER NOT NULL CHECK (outside IN (0, 1)),
    due      INTEGER NOT NULL, -- the message's not_before, else when it was sealed: the order in which they go
    state    TEXT NOT NULL CHECK (state IN ('unknown', 'failed', 'held', 'deferred', 'sending', 'claimed', 'queued',
                                            'sent', 'written', 'by hand', 'rejected', 'replaced')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_try INTEGER,
    token    TEXT, -- of the last claim: a receipt that comes late still finds its row
    words    TEXT NOT NULL,
    changed  INTEGER NOT NULL,
    UNIQUE (message, mail),
    CHECK ((state = 'deferred') = (next_try IS NOT NULL)),
    CHECK (state NOT IN ('claimed', 'sending') OR token IS NOT NULL)
) STRICT;
CREATE INDEX deliveries_state ON deliveries (state, message);
CREATE INDEX deliveries_changed ON deliveries (changed);
CREATE INDEX deliveries_mail ON deliveries (mail);
CREATE INDEX deliveries_token ON deliveries (token) WHERE token IS NOT NULL;
CREATE INDEX deliveries_go ON deliveries (due, message) WHERE state IN ('queued', 'deferred');
CREATE INDEX deliveries_next ON deliveries (next_try) WHERE next_try IS NOT NULL;
CREATE TRIGGER deliveries_keep BEFORE DELETE ON deliveries
BEGIN SELECT RAISE(ABORT, 'deliveries are never deleted'); END;
CREATE TRIGGER deliveries_envelope BEFORE UPDATE OF id, message, mail, name, role, outside, due ON deliveries
WHEN NEW.id IS NOT OLD.id OR NEW.message IS NOT OLD.message OR NEW.mail IS NOT OLD.mail OR NEW.name IS NOT OLD.name
  OR NEW.role IS NOT OLD.role OR NEW.outside IS NOT OLD.outside OR NEW.due IS NOT OLD.due
BEGIN SELECT RAISE(ABORT, 'the envelope of a sealed message is never changed'); END;

-- A message of which any delivery was ever queued is never replaced.
CREATE TRIGGER deliveries_replaced BEFORE UPDATE OF state ON deliveries
WHEN NEW.state = 'replaced' AND (SELECT queued FROM messages WHERE id = NEW.message) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a message that was queued is never replaced'); END;
-- What may have gone out to many readers at once is sent at most once.
CREATE TRIGGER deliveries_once BEFORE UPDATE OF state ON deliveries
WHEN OLD.state = 'unknown' AND NEW.state = 'queued' AND (SELECT class FROM messages WHERE id = NEW.message) <> 'letter'
BEGIN SELECT RAISE(ABORT, 'only a letter is sent again when its outcome is unknown'); END;

-- live follows the deliveries, in the statement that moves them; nobody else sets it.
CREATE TRIGGER deliveries_live AFTER UPDATE OF state ON deliveries
WHEN (NEW.state IN ('rejected', 'failed', 'replaced')) <> (OLD.state IN ('rejected', 'failed', 'replaced'))
BEGIN
    UPDATE messages SET live = EXISTS (SELECT 1 FROM deliveries d WHERE d.message = NEW.message
        AND d.state NOT IN ('rejected', 'failed', 'replaced')) WHERE id = NEW.message;
END;
CREATE TRIGGER messages_born_live BEFORE INSERT ON messages WHEN NEW.live <> 1
BEGIN SELECT RAISE(ABORT, 'a sealed message takes its key'); END;
CREATE TRIGGER messages_live BEFORE UPDATE OF live ON messages
WHEN NEW.live <> EXISTS (SELECT 1 FROM deliveries d WHERE d.message = NEW.id AND d.state NOT IN ('rejected', 'failed', 'replaced'))
BEGIN SELECT RAISE(ABORT, 'whether a key is taken follows from the deliveries'); END;

CREATE TABLE holds (
    message INTEGER NOT NULL REFERENCES messages (id),
    reason  TEXT NOT NULL CHECK (reason IN ('check', 'late', 'person', 'gone', 'restored')),
    text    TEXT NOT NULL,
    since   INTEGER NOT NULL,
    who     TEXT NOT NULL,
    user    TEXT NOT NULL,
    PRIMARY KEY (message, reason)
) STRICT;

CREATE TABLE attempts (
    id       INTEGER PRIMARY KEY,
    delivery INTEGER NOT NULL REFERENCES deliveries (id),
    result   TEXT NOT NULL CHECK (result IN ('sent', 'deferred', 'failed', 'unknown', 'written')),
    stage    TEXT NOT NULL,
    code     INTEGER NOT NULL,
    words    TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_delivery ON attempts (delivery, id);
CREATE TRIGGER attempts_stay BEFORE UPDATE ON attempts
BEGIN SELECT RAISE(ABORT, 'receipts are never changed'); END;
CREATE TRIGGER attempts_keep BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'receipts are never deleted'); END;

CREATE TABLE decisions (
    id      INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages (id),
    person  TEXT NOT NULL CHECK (person <> ''),
    yes     INTEGER NOT NULL CHECK (yes IN (0, 1)),
    why     TEXT NOT NULL,
    who     TEXT NOT NULL,
    user    TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX decisions_message ON decisions (message, id);
CREATE TRIGGER decisions_stay BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are never changed'); END;
CREATE TRIGGER decisions_keep BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are never deleted'); END;

CREATE TABLE observations (
    run   INTEGER NOT NULL REFERENCES runs (id),
    name  TEXT NOT NULL CHECK (name <> ''),
    value TEXT NOT NULL CHECK (json_valid(value)),
    PRIMARY KEY (run, name)
) STRICT;

CREATE TABLE flags (
    name       TEXT PRIMARY KEY CHECK (name <> ''),
    text       TEXT NOT NULL,
    since      INTEGER NOT NULL,
    probe      INTEGER,
    tries      INTEGER NOT NULL CHECK (tries >= 0),
    credential TEXT NOT NULL
) STRICT;

-- Any process that may write the file asks here; the holder of the flock answers, and its answer makes the event.
CREATE TABLE intents (
    id     INTEGER PRIMARY KEY,
    verb   TEXT NOT NULL CHECK (verb <> ''),
    args   TEXT NOT NULL CHECK (json_valid(args)),
    why    TEXT NOT NULL,
    who    TEXT NOT NULL,
    user   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    done   INTEGER,
    ok     INTEGER NOT NULL CHECK (ok IN (0, 1)),
    result TEXT NOT NULL
) STRICT;
CREATE INDEX intents_open ON intents (id) WHERE done IS NULL;
CREATE TRIGGER intents_asked BEFORE INSERT ON intents WHEN NEW.done IS NOT NULL OR NEW.ok <> 0 OR NEW.result <> ''
BEGIN SELECT RAISE(ABORT, 'an intent begins without an answer'); END;
CREATE TRIGGER intents_stay BEFORE UPDATE ON intents
WHEN OLD.done IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.verb IS NOT OLD.verb OR NEW.args IS NOT OLD.args OR NEW.why IS NOT OLD.why
  OR NEW.who IS NOT OLD.who OR NEW.user IS NOT OLD.user OR NEW.at IS NOT OLD.at
BEGIN SELECT RAISE(ABORT, 'an intent is answered once and never changed'); END;
CREATE TRIGGER intents_keep BEFORE DELETE ON intents
BEGIN SELECT RAISE(ABORT, 'intents are never deleted'); END;
