-- Imports that are not finished: how many rows are done, and which of them were refused and why. What is refused by the
-- rules is not here, since the rows themselves show it.
-- conflict: 0 no such account, 1 erasure in progress, 2 name taken
CREATE TABLE import (
    id BLOB PRIMARY KEY,
    rows INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE import_refusal (
    import_id BLOB NOT NULL,
    row INTEGER NOT NULL,
    conflict INTEGER NOT NULL CHECK (conflict IN (0, 1, 2)),
    PRIMARY KEY (import_id, row)
) STRICT, WITHOUT ROWID;
