"""Simulated copies of the datasets, written as the publishers' own files."""
