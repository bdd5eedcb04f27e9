-- What stands for the end of the log cannot be made of its entries: otherwise who takes some from the end could note an
-- earlier one in its place. Sealed right after this, as that takes a key.
ALTER TABLE registry RENAME COLUMN audit_link TO audit_seal;
