"""What the model is told before the first message, and by which model: projects, personas, facts."""
