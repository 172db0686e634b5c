"""What of a call may be kept: how much of it, which calls of many, without which values, and for how long a person wants it.

Decides on events before they touch a disk, and takes out of the record what somebody wants out. Knows no provider and no HTTP.
"""
