"""What is known of networks before one is built."""
