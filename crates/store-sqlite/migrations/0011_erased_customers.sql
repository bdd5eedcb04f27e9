-- Who was erased one by one, without a look at every entry: ledgers are made of them, and a restore asks for them while
-- nobody is served.
CREATE INDEX audit_of_erased_customer ON audit (sequence) WHERE substr(entry, 1, 26) = '{"action":"erase_customer"';
