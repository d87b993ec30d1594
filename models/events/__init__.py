"""Event contracts: markets of one question that pay 0 or 100 cents, and the policy of 21 actions that trades them."""
