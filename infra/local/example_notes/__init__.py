"""The code of the example API: a folder of its own, as an adopter would deploy it."""
