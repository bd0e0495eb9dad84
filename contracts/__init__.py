"""What outsiders may rely on: requests, answers, errors and gateway records. No I/O, no framework, standard library only."""
