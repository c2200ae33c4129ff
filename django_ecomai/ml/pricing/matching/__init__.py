"""Which of the shop's products a competitor's offer is, by its words, codes, brand and price."""
