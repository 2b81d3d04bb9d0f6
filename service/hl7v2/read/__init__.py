"""Segments -> values: what a message says of each patient in it, for the steps to act on."""
