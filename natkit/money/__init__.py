"""What it costs and what it saves: prices, rates of error, a plan. Imports core alone."""
