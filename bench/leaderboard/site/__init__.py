"""The boards, methods and tasks as a site of HTML pages."""
