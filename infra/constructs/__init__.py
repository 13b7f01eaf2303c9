"""One module a kind of resource; infra/stack.py composes them."""
