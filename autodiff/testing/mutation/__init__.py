"""Wrong rules made from right ones, and the tests that notice them."""
