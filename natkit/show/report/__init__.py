"""The summary as a page, as slides and as a workbook. Imports blocks and words."""
