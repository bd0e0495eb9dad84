"""The internal routes: bytes to command, outcome to bytes. Decides nothing, knows no driver."""
