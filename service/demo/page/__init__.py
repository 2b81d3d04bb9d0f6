"""The live page: the stories as they happen, hospital, service and programme side by side, each step with its bytes."""
