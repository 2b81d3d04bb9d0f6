"""From a guarded R4 tree to the value that a step takes. Pure: nothing is looked up, fetched or remembered here.

A reader is given the tree that `service.fhir.guard.parse` has passed and what the address and headers said, and raises
BadInput (422) for what R4 allows and the rules cannot act on. Its sentences name elements, never what they held.
"""
