"""The stories, a file each, and the steps that they have in common."""
