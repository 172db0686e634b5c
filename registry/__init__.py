"""What a prompt is: versions, channels, rendering and their storage."""
