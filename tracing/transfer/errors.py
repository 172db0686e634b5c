"""What can go wrong with a transfer as a whole, in words. A line that can't be taken is no error: it is set aside."""


class TransferError(Exception):
    """A transfer can't begin or go on. The message says why."""
