"""The audit trail as values: rows, the chain of seals, its check, and what may be removed."""
