"""Who is signed in, from where else, and how that ends."""
