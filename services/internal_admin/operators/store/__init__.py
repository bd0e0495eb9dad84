"""Statements of operators' accounts."""
