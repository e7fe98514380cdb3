"""The audit, and what people decide about it: workbook and widget. Imports rules and repair."""
