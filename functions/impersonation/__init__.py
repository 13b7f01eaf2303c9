"""Acting in another person's name: how it begins, who does it, and how it ends."""
