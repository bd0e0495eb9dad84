"""The audit trail (SPEC §10.8): rows are inserted in the transaction of what they tell of, and never changed."""
