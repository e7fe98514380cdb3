"""An audit carried out: the prepared folder and its ledger. Imports deciding."""
