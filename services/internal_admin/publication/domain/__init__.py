"""Decisions of published configuration; pure."""
