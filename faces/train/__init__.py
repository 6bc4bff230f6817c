"""Training with triplets (Schroff et al. 2015, section 3): ``python -m faces.train DATA --out NAME``."""
