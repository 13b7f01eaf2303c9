"""How Muniment is deployed: to AWS by the CDK, and into an embedded AWS on this machine."""
