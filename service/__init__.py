"""Peer referral: from a positive perinatal screening result to consented peer support, and back into the record."""
