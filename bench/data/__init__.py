"""From a publisher's files to batches: sources, status and downloads."""
