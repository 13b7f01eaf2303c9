"""The only code that knows DynamoDB: one module a table, the transaction that carries its audit events, the wire."""
