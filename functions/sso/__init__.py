"""Single sign-on: OpenID Connect providers of the tenants, as a relying party."""
