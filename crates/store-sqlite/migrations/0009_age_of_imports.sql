-- When rows of an import were stored last: one that nobody goes on with is forgotten in time.
ALTER TABLE import ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE import SET at = unixepoch() * 1000;
