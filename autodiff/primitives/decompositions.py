"""Linear systems, inverses, determinants, factorisations and spectra."""
