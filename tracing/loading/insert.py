"""How rows are inserted: the settings that make a repeat recognisable, and the errors that are about the rows themselves. Values only."""

import re

INSERT_SETTINGS = {
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "async_insert": 0,
    # Pinned, so that a shipment is one block on every try: a block cut elsewhere would not be recognised as a repeat.
    "max_insert_threads": 1,
    "max_insert_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 268_435_456,
    "input_format_skip_unknown_fields": 0,
    "input_format_parallel_parsing": 0,
    "date_time_input_format": "best_effort",
    "materialized_views_ignore_errors": 0,
    "parallel_view_processing": 1,  # the rollups are made side by side; each drops a repeat by itself
    "distributed_foreground_insert": 1,  # on a cluster: acknowledged when the shards have it, not when it is queued for them
}

CONTENT_ERRORS = re.compile(
    r"CANNOT_PARSE_\w+|CANNOT_READ_\w+|CANNOT_INSERT_\w+|CANNOT_CONVERT_TYPE|INCORRECT_DATA|TYPE_MISMATCH|UNEXPECTED_END_OF_FILE|"
    r"ARGUMENT_OUT_OF_BOUND|DECIMAL_OVERFLOW|VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE|TOO_LARGE_STRING_SIZE|NO_SUCH_COLUMN_IN_TABLE"
)
"""Names of ClickHouse's errors about the data itself: no second try would end otherwise."""
