-- The settings that the registry was served with last: what they are called, and keyed digests of their values.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;
