"""One command each: prints a table beside named peers, in the same run on the same data."""
