"""The rows of the audit trail, their chain of seals, its check, and what may be removed."""
