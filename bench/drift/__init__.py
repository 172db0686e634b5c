"""The acceptance of drift reports: histories of calls whose truth is known, loaded into ClickHouse, asked about, and judged.

    python -m bench.drift [--rows 1,2,…] [--seeds N] [--only family] [--first-seed N] [--processes N]

`plans` has the words, `single`, `compound` and `stress` say what happens in each family, `traffic` makes calls of it. None of them knows
anything of evaluation/drift: what is judged has no part in the making. `loading` brings the calls into ClickHouse, `asking` asks the
product, `judging` compares its report with the truth, `running` does that by the batch, and `sharing` has processes share the batches.
"""
