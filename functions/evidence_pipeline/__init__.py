"""The steps that turn sealed segments into one evidence bundle: plan, render, manifest, assemble, finish or fail."""
