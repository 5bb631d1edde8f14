"""From a publisher's files to batches: where data come from, what state they are in, downloads."""
