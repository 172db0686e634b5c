"""The front door: command line, settings, processes and the composition root."""

VERSION = "0.1.0"
