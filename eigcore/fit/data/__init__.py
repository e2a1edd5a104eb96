"""From a table to rows: cells, target, weights, and what is known of their columns."""
