"""The version, in a module of its own: a new one makes no result stale."""

__version__ = "0.1.0"
