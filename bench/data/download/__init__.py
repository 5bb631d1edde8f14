"""Fetching a publication: file by file, resumed where it was cut, each held against the publisher's checksum."""
