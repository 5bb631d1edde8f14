"""Fetching a publication: file by file, finished files kept, each held against the publisher's checksum."""
