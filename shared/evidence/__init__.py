"""Evidence: sealing the log, reading it back, and turning it into reports and bundles that verify offline."""
