"""The HL7 v2 door: messages over MLLP in, acknowledgements back, and what a hospital is owed out."""
