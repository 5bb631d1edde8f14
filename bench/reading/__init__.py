"""Read small files that people write or receive (YAML, JSON, source code), with limits on size, depth and expansion."""
