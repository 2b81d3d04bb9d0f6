"""What she agreed to, with whom and until when; and, separately, how she may be reached without danger. Pure."""
