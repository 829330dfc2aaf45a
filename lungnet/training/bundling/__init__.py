"""What leaves a run: its networks exported, and the card that says what they are worth."""
