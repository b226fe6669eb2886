"""Batches of live status as this project signs them: for issuers, and for whoever follows them."""
