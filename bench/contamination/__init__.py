"""Contamination: test recordings in the pretraining corpus, found by declaration, by ids and by waveform."""
