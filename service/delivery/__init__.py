"""What is owed goes out: claimed, checked once more, handed to a channel and settled."""
