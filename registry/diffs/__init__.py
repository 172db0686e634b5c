"""What changed between two versions, in people's terms: sentences for what is set, words for what is said."""
