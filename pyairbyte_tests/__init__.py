"""PyAirbyte runs the connector into DuckDB, as a notebook does: `make pyairbyte-test`, in its own environment."""
