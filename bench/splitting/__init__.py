"""Who is in which part: split files, stratification, label fractions, partitions that others released."""
