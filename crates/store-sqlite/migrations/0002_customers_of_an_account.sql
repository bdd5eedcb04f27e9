-- The customers of an account in the order of their ids. Whoever creates one writes at the end of its account's part, not
-- in random order. The time is here so that whoever looks for what has changed need not look every customer up.
CREATE INDEX customer_of_account ON customer (account_id, id, modified_at);
