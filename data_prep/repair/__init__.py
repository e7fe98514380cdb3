"""What is done about findings: pictures mended, weights against bias, splits without leaks. Imports rules."""
