"""How well records are linked: measured on samples with known truth and on the public FEBRL data sets."""
