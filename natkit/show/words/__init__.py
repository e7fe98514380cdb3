"""Every sentence a reader sees, in English and Japanese, chosen by the facts. Imports nothing else of show."""
