"""Storage of finished work: folders with digests, their keys, the workspace and the shared object store."""
