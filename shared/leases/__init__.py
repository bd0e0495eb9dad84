"""Leases: of all processes one keeps the projection, and one seals the audit trail."""
