-- What holds for every job, as it was at work last: who we are and how mail leaves, in JSON.
-- It says nothing that is secret. One row, made when rules are first put to work.
CREATE TABLE office (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    says TEXT NOT NULL CHECK (json_valid(says))
) STRICT;
