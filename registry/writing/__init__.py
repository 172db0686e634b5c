"""The one write path: saves, moves of channels, requests, keys, and the history that they leave."""
