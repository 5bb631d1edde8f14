"""Splitting: split files, stratification, label fractions, partitions that others released."""
