"""Models that look at one series at a time, fitted for all series at once."""
