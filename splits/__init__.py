"""The splits of the built-in tasks: one YAML each, read by :mod:`bench.splits`."""
