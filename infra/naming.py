"""How names of the code are spelled in the template."""


def camel_case(name: str) -> str:
    """Turn `audit_logs_table` into `AuditLogsTable`: construct ids and output keys are written so."""
    return "".join(part.capitalize() for part in name.split("_"))
