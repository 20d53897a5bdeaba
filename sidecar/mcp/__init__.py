"""The Model Context Protocol as it passes: what a message asks for, and what of an answer may be seen. Pure."""
