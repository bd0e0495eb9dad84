"""Workers of the internal process: what happens by time, not by request. Each is a `step` for `shared.supervision`."""
