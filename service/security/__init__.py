"""Clients, tokens and scopes: SMART Backend Services, as the server for callers and as the client of a record."""
