"""Simulated hospitals and programmes, and the stories they play against the running service.

Nothing here imports another room: the actors speak HTTP and MLLP, as the systems they stand for would. Every person is
invented.
"""
