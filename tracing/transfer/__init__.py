"""Moving calls and scores in and out as files: history from elsewhere comes in, everything goes out in the same format."""
