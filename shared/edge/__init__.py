"""The only code that knows API Gateway: events in, responses out, and the guard between them."""
