"""Statements that list, seal and remove rows of the audit trail."""
