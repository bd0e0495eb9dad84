"""Decisions about agents; pure."""
