"""Configuration: the table of variables, their parsing, and the rules of production (SPEC §14)."""
