"""The public contract: requests, answers, errors and gateway records. No I/O; standard library only."""
