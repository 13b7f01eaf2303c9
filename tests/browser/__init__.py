"""A package, so that its stage ends with its last test, not with all tests of the process that runs them."""
