"""Several runs as one page and one workbook. Imports report, blocks and words."""
