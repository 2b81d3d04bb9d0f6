"""From values to the wire: plain trees with the elements in the order of FHIR R4, ready to be serialised."""
