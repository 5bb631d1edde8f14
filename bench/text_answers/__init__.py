"""Answers of methods with a text side: retrieval in both directions, and zero-shot scores under many wordings."""
