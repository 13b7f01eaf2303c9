"""What other services of the adopter ask: the public keys, and whether an access token counts now."""
