"""Where finished work is kept: folders with digests, their keys, the workspace and the shared object store."""
