"""A simulated hospital record and a simulated programme, and the story they play against the running service.

Nothing here imports another room: the actors speak HTTP, as the systems they stand for would. Every person is invented.
"""
