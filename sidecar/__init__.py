"""The identity layer beside an AI agent: who asked, and what may they do."""

__version__ = "0.1.0"
