"""For all tests: nothing is judged by the time that it takes, on machines that others share."""

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
