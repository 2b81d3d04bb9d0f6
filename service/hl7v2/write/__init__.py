"""What a hospital is owed, as HL7 v2 messages."""
