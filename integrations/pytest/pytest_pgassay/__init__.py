"""pytest for pgassay: `pip install ./integrations/pytest`, then `pgassay run -- pytest`. Does nothing elsewhere."""
