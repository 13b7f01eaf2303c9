"""A module that only a layer brings."""

WHENCE = "layer"
