"""Rows of device sessions. Only reading a row is common; each service has its own guarded statements to write them."""
