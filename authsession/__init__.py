"""The command line: everything a person runs by hand. Imports services only as separate processes."""
