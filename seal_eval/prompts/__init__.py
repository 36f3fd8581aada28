"""Text to a prompt of an exact length, and a reply to its score."""
