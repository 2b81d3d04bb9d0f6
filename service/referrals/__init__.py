"""The referral, the offer, the alert and the contact: values and transition tables, denied by default. Pure."""
