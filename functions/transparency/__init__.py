"""What lets an outsider check the log: its signed heads and keys, the proof of one event, a sample that repeats."""
