"""bench: the ECG representation-learning benchmark."""
