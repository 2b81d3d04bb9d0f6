"""Pages for people who have no system of their own at hand. They need no script and no file from elsewhere."""
