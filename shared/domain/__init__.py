"""Rules, as pure functions of facts, time and policy: no input, no output, standard library only."""
