"""What the engine's speed and memory are measured with; nothing else imports it."""
