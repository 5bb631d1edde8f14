"""Statistics of a board: paired comparisons, mean ranks, inflation."""
