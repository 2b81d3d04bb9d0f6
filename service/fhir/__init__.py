"""The FHIR door: HL7 FHIR R4 4.0.1 as JSON over REST, in and out."""
