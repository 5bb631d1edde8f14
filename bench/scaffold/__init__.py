"""``bench new``: write a small installable package with one plugin, from the templates next to this file.

A template's path is the path it is written to, without ``.j2``; ``PACKAGE`` in it becomes the
name of the package, ``SPLIT`` that of the plugin.
"""

from bench.scaffold.writer import Plugin, write

__all__ = ["Plugin", "write"]
