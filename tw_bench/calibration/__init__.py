"""The generator measured on the host it runs on: what it could offer, kept for the next run."""
