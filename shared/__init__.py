"""What two concerns or more need: rules, the log, stores, the edge, evidence, runtime."""
