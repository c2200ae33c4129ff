"""Optional integrations, each behind an extra."""
