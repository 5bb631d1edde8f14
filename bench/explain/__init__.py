"""Plots of what a trained method's scores depend on, and of what they mean for patients."""
