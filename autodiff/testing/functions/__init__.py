"""``check_grads``: the gradient of any function, at the points given."""
