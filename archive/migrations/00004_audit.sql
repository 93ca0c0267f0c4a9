-- +goose Up
-- An entry of the audit is where its command lies. Its number is the fold's: another fold
-- may count otherwise, and while what is archived is judged anew, or where a read model
-- has lost its newest entries, two have the same. GET /v1/admin/audit/verify names them.
ALTER TABLE audit DROP CONSTRAINT audit_pkey;
ALTER TABLE audit ADD PRIMARY KEY (log, seq, idx);
CREATE INDEX audit_number ON audit (log, number);

-- +goose Down
DROP INDEX audit_number;
ALTER TABLE audit DROP CONSTRAINT audit_pkey;
ALTER TABLE audit ADD PRIMARY KEY (log, number);
