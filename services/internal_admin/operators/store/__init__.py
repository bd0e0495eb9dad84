"""Statements and units of work on operators' accounts."""
