"""From scores of pairs to the numbers of a run: means, bins, intervals, paired differences, tables."""
