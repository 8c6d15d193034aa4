"""``check_layer``: gradients that somebody derived by hand."""
