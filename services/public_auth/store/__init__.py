"""Statements of the public flow, and the bodies of its units of work. They ask `domain` for each decision."""
