"""Boards: tables of papers, filled with results next to the published numbers."""

from bench.leaderboard.board import Board, boards, load_board
from bench.leaderboard.collect import collect
from bench.leaderboard.formats.console import console_tables
from bench.leaderboard.render import render

__all__ = ["Board", "boards", "collect", "console_tables", "load_board", "render"]
