"""What outsiders may rely on: requests, answers, errors, gateway records. No I/O, standard library only."""
