"""What the gateway costs beside the signature check that it cannot do without (`make bench`)."""
