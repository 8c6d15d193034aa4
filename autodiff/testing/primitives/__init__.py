"""``check_primitive``: every property of a registered function's gradient, at calls found from its registry entry."""
