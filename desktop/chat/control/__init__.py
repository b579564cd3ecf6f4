"""What a person does with conversations, messages and the context: one class each, on the open conversation."""
