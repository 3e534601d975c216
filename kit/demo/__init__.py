"""The demo: the shipped models on a board, verdict by verdict, and the page that shows them."""
