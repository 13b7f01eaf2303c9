"""Links by which an auditor without an account fetches one finished bundle."""
