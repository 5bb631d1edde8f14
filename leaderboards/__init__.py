"""One YAML file a board: rows, columns, metric, and the published numbers with their source.

The schema is :mod:`bench.leaderboard.board`. A package of your own that declares ``mine = "mypackage.boards"`` under
the entry points ``bench.leaderboards`` adds the ``*.yaml`` files of that folder.
"""
