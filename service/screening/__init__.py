"""Screening: what was sent about one administration, when it can be decided, and the two judgements. Pure."""
