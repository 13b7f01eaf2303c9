"""The audit log as data: events, their canonical lines, the tree over them, and what each action is evidence of."""
