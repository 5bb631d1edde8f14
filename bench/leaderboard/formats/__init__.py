"""A board as text: terminal, Markdown, LaTeX, CSV."""
