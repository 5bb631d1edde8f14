"""Download a publication file by file, and compare each with the publisher's checksum."""
