"""What a person starts: the flows and the command line."""
