"""Pictures for people: what a trained method looked at, and what its scores mean for those who have them."""
