"""Several runs side by side: what has moved? Their summaries alone are read. Imports core and evidence."""
