"""Callers: identities, their requests, how a route is declared for them, and their place in the audit trail."""
