"""What people watch a training by."""
