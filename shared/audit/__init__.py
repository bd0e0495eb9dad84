"""The audit trail (SPEC §10.8). A row is inserted in the transaction of the change it records, and never changed."""
