"""What weights are held to, and how gradients change them."""
