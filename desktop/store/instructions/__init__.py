"""What a person sets up once for many conversations, and the rule for what holds in one of them."""
