"""Scores of finished cells under corrupted recordings; encoders and heads stay as they were trained on clean ones."""
