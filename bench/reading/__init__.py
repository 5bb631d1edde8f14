"""Read small text files that people write or receive (YAML, JSON), with limits on size, depth and expansion."""
