"""Generated from the vendored schema of protovalidate: see README.md."""
