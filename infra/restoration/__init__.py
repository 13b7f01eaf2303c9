"""What `python -m infra.restore` is made of: the log's past from the vault, and tables that know it again."""
