"""The registry's database: its tables, migrations, transactions, and who of the workers has seen a write."""
