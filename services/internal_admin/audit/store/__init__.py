"""Statements of the audit trail."""
