"""MLflow: a mirror of finished results."""
