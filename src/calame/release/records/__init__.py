"""What a run wrote down, gathered into one tree of plain values that its model card is made of."""
