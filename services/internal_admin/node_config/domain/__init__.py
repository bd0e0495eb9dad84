"""Decisions about heads, statuses and the rollout."""
